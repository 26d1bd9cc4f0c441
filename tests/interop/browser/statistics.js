// getStats() of the running call, reduced to what the tests ask about.

/** Audio in and out, transport and codec of a peer connection; null outside a call. */
export async function statistics(connection) {
  if (!connection) {
    return null;
  }
  const reports = [...(await connection.getStats()).values()];
  const first = (type, kind) => reports.find((r) => r.type === type && (!kind || r.kind === kind)) ?? {};
  const inbound = first("inbound-rtp", "audio");
  const outbound = first("outbound-rtp", "audio");
  const transport = first("transport");
  const pick = (report, ...names) => Object.fromEntries(names.map((name) => [name, report[name] ?? null]));
  return {
    connectionState: connection.connectionState,
    iceConnectionState: connection.iceConnectionState,
    inbound: {
      codec: codecOf(reports, inbound),
      ...pick(inbound, "packetsReceived", "packetsLost", "packetsDiscarded", "jitter", "totalAudioEnergy",
        "totalSamplesDuration", "totalSamplesReceived", "concealedSamples", "silentConcealedSamples",
        "concealmentEvents", "audioLevel"),
    },
    outbound: { codec: codecOf(reports, outbound), ...pick(outbound, "packetsSent", "bytesSent") },
    remoteInbound: pick(first("remote-inbound-rtp", "audio"), "packetsLost", "jitter", "roundTripTime"),
    transport: pick(transport, "dtlsState", "dtlsRole", "tlsVersion", "dtlsCipher", "srtpCipher", "iceRole", "iceState"),
  };
}

function codecOf(reports, stream) {
  return reports.find((report) => report.id === stream.codecId)?.mimeType ?? null;
}
