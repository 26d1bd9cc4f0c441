// The SDK's steps from the endpoint's URL to sound, with JsSIP as the SDK has it; each answers with seconds.

import JsSIP from "jssip";

import { RecordedSocket, messages } from "./recorded_socket.js";

const MEDIA = { audio: true, video: false };
const LIMIT = 30000;

let settings = null;
let ua = null;
let session = null;

window.sdk = { connect, call, end, disconnect };

/** Fetches the configuration unless it is here already, registers. */
async function connect(endpointUrl) {
  const began = performance.now();
  settings ??= await (await fetch(endpointUrl)).json();
  const sip = settings.endpointSettings.sipConnectivityInfo;
  ua = new JsSIP.UA({
    sockets: [new RecordedSocket(sip.wsUri)],
    uri: `sip:webrtc-sdk-bench@${sip.realm}`,
    authorization_user: sip.username,
    password: sip.password,
    register: true,
  });
  const registered = emitted(ua, "registered");
  ua.start();
  await registered;
  return seconds(began, performance.now());
}

/** Calls the agent; returns once packets leave. `called` is in seconds since 1970, to be compared with packets' times. */
async function call() {
  const sip = settings.endpointSettings.sipConnectivityInfo;
  messages.length = 0;
  const began = performance.now();
  session = ua.call(`sip:app-${sip.applicationSid}@${sip.realm}`, { mediaConstraints: MEDIA });
  const [, connected] = await Promise.all([emitted(session, "accepted"), dtlsConnected(session)]);
  await packetsLeave(session.connection);
  const invite = at("INVITE", (m) => m.sent && m.text.startsWith("INVITE "));
  const ringing = at("180", (m) => !m.sent && m.text.startsWith("SIP/2.0 180"));
  const answered = at("200", (m) => !m.sent && /^SIP\/2\.0 200 [^]*^CSeq: \d+ INVITE/m.test(m.text));
  return {
    called: (performance.timeOrigin + began) / 1000,
    port: Number(new URL(sip.wsUri).port) || 443,
    stages: {
      ringing: seconds(invite, ringing),
      ice: seconds(answered, connected.ice),
      dtls: seconds(connected.ice, connected.dtls),
    },
  };
}

async function end() {
  const ended = emitted(session, "ended");
  session.terminate();
  await ended;
}

async function disconnect() {
  const disconnected = emitted(ua, "disconnected");
  ua.stop();
  await disconnected;
}

function emitted(emitter, event) {
  return new Promise((resolve, reject) => {
    emitter.once(event, resolve);
    setTimeout(() => reject(new Error(`no ${event} within ${LIMIT} ms`)), LIMIT);
  });
}

/** When ICE and when DTLS were up. */
async function dtlsConnected({ connection }) {
  const ice = became(connection, "iceconnectionstatechange", () => /connected|completed/.test(connection.iceConnectionState));
  const dtls = became(connection, "connectionstatechange", () => connection.connectionState === "connected");
  return { ice: await ice, dtls: await dtls };
}

function became(target, event, condition) {
  return new Promise((resolve) => {
    target.addEventListener(event, () => condition() && resolve(performance.now()));
  });
}

async function packetsLeave(connection) {
  const end = performance.now() + LIMIT;
  while (performance.now() < end) {
    const reports = [...(await connection.getStats()).values()];
    if (reports.some((report) => report.type === "outbound-rtp" && report.packetsSent > 0)) {
      return;
    }
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  throw new Error("no packet has left");
}

function at(what, condition) {
  const found = messages.find(condition);
  if (!found) {
    throw new Error(`no ${what} among ${messages.map((m) => m.text.slice(0, 40)).join(" | ")}`);
  }
  return found.at;
}

function seconds(from, to) {
  return (to - from) / 1000;
}
