// The commands that browser.py gives, as window.agent; every one answers with plain JSON.

import * as agent from "./agent.js";
import { lastHeard, setTone } from "./audio.js";
import { messages } from "./recorded_socket.js";
import { statistics } from "./statistics.js";

window.agent = {
  ...agent,
  lastHeard,
  setTone,
  messages: () => messages,
  statistics: () => statistics(agent.peerConnection()),
};
