// What the page says and hears: a sine into the call, the last third of a second out of it.

const FULL_SCALE = 32767;
const WINDOW = 16384;

const context = new AudioContext({ sampleRate: 48000 });
const oscillator = new OscillatorNode(context, { frequency: 440 });
const level = new GainNode(context, { gain: 0.25 });
const voice = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
oscillator.connect(level).connect(voice);
oscillator.start();

let source = null;
let analyser = null;
let element = null;

/** The outgoing stream: one track, a sine, sounding for as long as the page lives. */
export function voiceStream() {
  return voice.stream;
}

/** Sets the outgoing sine: frequency in Hz, amplitude 0 to 1 of full scale. */
export function setTone(hz, amplitude) {
  oscillator.frequency.value = hz;
  level.gain.value = amplitude;
}

/** Listens to a remote track from now on. */
export function listenTo(track) {
  stopListening();
  const stream = new MediaStream([track]);
  // Chromium pulls a remote track only while a media element plays it, and counts its energy only if that is not muted.
  element = new Audio();
  element.srcObject = stream;
  element.play();
  source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
  analyser = new AnalyserNode(context, { fftSize: WINDOW, channelCount: 1, channelCountMode: "explicit" });
  source.connect(analyser);
}

export function stopListening() {
  source?.disconnect();
  element?.pause();
  source = analyser = element = null;
}

/** The last 16384 samples heard, 48 kHz signed 16-bit little-endian, as base64; empty outside a call. */
export function lastHeard() {
  if (!analyser) {
    return "";
  }
  const window = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(window);
  const samples = Int16Array.from(window, (sample) => Math.max(-1, Math.min(1, sample)) * FULL_SCALE);
  return base64(new Uint8Array(samples.buffer));
}

function base64(bytes) {
  let text = "";
  for (const byte of bytes) {
    text += String.fromCharCode(byte);
  }
  return btoa(text);
}
