// JsSIP's WebSocket, with a record of the SIP that went through it.

import JsSIP from "jssip";

const KEPT = 400;

/** The last messages, oldest first: sent or received, milliseconds since the page was loaded, text. */
export const messages = [];

export class RecordedSocket extends JsSIP.WebSocketInterface {
  send(message) {
    record(true, message);
    return super.send(message);
  }

  _onMessage(event) {
    record(false, event.data);
    super._onMessage(event);
  }
}

function record(sent, data) {
  if (typeof data !== "string" || data.trim() === "") {
    return;
  }
  const text = data.replace(/^((?:Proxy-)?Authorization:).*$/gim, "$1 (removed)");
  messages.push({ sent, at: Math.round(performance.now()), text });
  if (messages.length > KEPT) {
    messages.shift();
  }
}
