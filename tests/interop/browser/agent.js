// A JsSIP user agent that answers by itself, and the record of what became of its calls.

import JsSIP from "jssip";

import { listenTo, stopListening, voiceStream } from "./audio.js";
import { RecordedSocket, messages } from "./recorded_socket.js";

const ANSWERING = { onInvite: "answer", after: 0, code: 486, refresher: null };

let ua = null;
let session = null;
let policy = { ...ANSWERING };
const registration = { registered: false, cause: null, code: null };
const calls = [];

/** Connects and registers; options are JsSIP's UA configuration, with wsUri instead of sockets. */
export function start({ wsUri, ...options }) {
  ua = new JsSIP.UA({ sockets: [new RecordedSocket(wsUri)], register: true, ...options });
  ua.on("registered", () => Object.assign(registration, { registered: true, cause: null, code: null }));
  ua.on("unregistered", () => Object.assign(registration, { registered: false }));
  ua.on("registrationFailed", ({ cause, response }) => {
    Object.assign(registration, { registered: false, cause, code: response?.status_code ?? null });
  });
  ua.on("newRTCSession", newSession);
  ua.start();
}

/** Un-registers and closes the connection. */
export function stop() {
  ua?.stop();
}

/**
 * What to do with the next INVITE: onInvite "answer", "ring" (180 and nothing more) or "reject" with code;
 * after milliseconds of ringing; refresher "uac" makes the caller refresh the session instead of this side.
 */
export function setPolicy(changes) {
  policy = { ...ANSWERING, ...changes };
}

export function call(target) {
  ua.call(target, { mediaStream: voiceStream(), pcConfig: { iceServers: [] } });
}

/** Answers a call that rings. */
export function answer() {
  session.answer({ mediaStream: voiceStream(), pcConfig: { iceServers: [] } });
}

/** BYE, CANCEL or a refusal, by the call's state; options are those of JsSIP's terminate(). */
export function hangUp(options) {
  session.terminate(options);
}

export function sendInfo(contentType, body) {
  session.sendInfo(contentType, body);
}

/** Holds, by re-INVITE or by UPDATE; false when JsSIP does not. */
export function hold(useUpdate) {
  return session.hold({ useUpdate });
}

export function resume(useUpdate) {
  return session.unhold({ useUpdate });
}

/** Restarts ICE by re-INVITE; false when JsSIP does not. */
export function restartIce() {
  return session.renegotiate({ rtcOfferConstraints: { iceRestart: true } });
}

/** Sends tones; transportType is INFO or RFC2833. */
export function sendDtmf(tones, transportType) {
  session.sendDTMF(tones, { transportType });
}

/** Ends what is going on and forgets earlier calls and settings. */
export function reset() {
  if (session && !session.isEnded()) {
    session.terminate();
  }
  session = null;
  calls.length = 0;
  messages.length = 0;
  policy = { ...ANSWERING };
}

export function state() {
  return { registration, calls, connected: ua?.isConnected() ?? false };
}

export function peerConnection() {
  return session?.connection ?? null;
}

function newSession({ originator, session: created, request }) {
  const record = {
    direction: originator === "remote" ? "incoming" : "outgoing",
    phase: "new",
    originator: null,
    cause: null,
    code: null,
    updates: 0,
    infos: [],
    tones: [],
  };
  calls.push(record);
  session = created;
  watch(created, record);
  if (originator === "remote") {
    if (policy.refresher) {
      request.session_expires_refresher = policy.refresher;
    }
    setTimeout(treat, policy.after, created, policy);
  }
}

function treat(incoming, { onInvite, code }) {
  if (incoming.isEnded()) {
    return;
  }
  if (onInvite === "answer") {
    answer();
  } else if (onInvite === "reject") {
    incoming.terminate({ status_code: code });
  }
}

function watch(watched, record) {
  watched.on("progress", () => { record.phase = "ringing"; });
  watched.on("accepted", () => { record.phase = "accepted"; });
  watched.on("confirmed", () => { record.phase = "confirmed"; });
  watched.on("update", () => { record.updates += 1; });
  watched.on("newInfo", ({ originator, info }) => {
    record.infos.push({ originator, contentType: info.contentType, body: info.body });
  });
  watched.on("newDTMF", ({ originator, dtmf }) => {
    record.tones.push({ originator, tone: dtmf.tone, duration: dtmf.duration });
  });
  watched.on("ended", (end) => finish(record, "ended", end));
  watched.on("failed", (end) => finish(record, "failed", end));
  if (watched.connection) {
    hear(watched.connection);
  } else {
    watched.on("peerconnection", ({ peerconnection }) => hear(peerconnection));
  }
}

function finish(record, phase, { originator, cause, message }) {
  Object.assign(record, { phase, originator, cause, code: message?.status_code ?? null });
  stopListening();
}

function hear(connection) {
  connection.addEventListener("track", ({ track }) => listenTo(track));
}
