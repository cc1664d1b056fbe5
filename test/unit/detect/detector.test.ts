import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abandon, due, nextDueAtMs, settle, step } from '../../../src/detect/detector.ts';
import {
  createDetector,
  DEFAULT_SETTINGS,
  type Detector,
  type DetectorSettings,
} from '../../../src/detect/detector-state.ts';
import type { EntryLost, Finding, Pickup } from '../../../src/model/finding.ts';
import type { FlowEvent } from '../../../src/model/flow-event.ts';
import {
  A,
  answered,
  B,
  C,
  CLIENT,
  lost,
  originalTuple,
  pickedUp,
  replyTuple,
  reset,
  SERVICE,
} from '../../support/flow-events.ts';

const WINDOW = 2000;
const detectorWith = (change: Partial<DetectorSettings> = {}) =>
  createDetector({ ...DEFAULT_SETTINGS, confirmWindowMs: WINDOW, isServiceAddress: () => false, ...change });

/** Feeds events, each 10 ms after the one before, and returns the findings. */
function feed(detector: Detector, ...events: FlowEvent[]): Finding[] {
  return events.flatMap((event, index) => step(detector, event, index * 10));
}

const pickups = (findings: readonly Finding[]) => findings.filter((f): f is Pickup => f.kind === 'pickup');
const losses = (findings: readonly Finding[]) =>
  findings.filter((f): f is EntryLost => f.kind === 'entry_lost');
const brokenCount = (findings: readonly Finding[]) => pickups(findings).filter((f) => f.broken).length;

/** The one pickup of these findings, in the words that are counted. */
function verdict(findings: readonly Finding[]) {
  const all = pickups(findings);
  assert.equal(all.length, 1, `${all.length} pickups`);
  const { verdict: outcome, mapping, cause, sender, broken } = all[0]!;
  return { verdict: outcome, mapping, cause, sender, broken };
}

/** Lets the confirm window pass and answers every question with `answer`. */
function afterWindow(detector: Detector, answer: FlowEvent | 'absent' | 'no_answer', nowMs = WINDOW + 100) {
  return due(detector, nowMs).flatMap((pending) => settle(detector, pending, answer, nowMs));
}

test('expiry: lost, re-picked to another backend, reset', () => {
  const findings = feed(
    detectorWith(),
    lost({ atMs: 1000 }),
    pickedUp({ atMs: 1000.05, id: 2 }),
    reset({ atMs: 1000.1, id: 2 }),
  );
  assert.deepEqual(losses(findings), [
    {
      kind: 'entry_lost',
      connection: { ...originalTuple(), zone: 0 },
      translated: true,
      cause: 'timeout',
      atMs: 1000,
      tcpState: 'ESTABLISHED',
    },
  ]);
  const [finding] = pickups(findings);
  assert.deepEqual(
    { ...finding, evidence: finding!.evidence.map((event) => [event.type, event.tcpState, event.atMs]) },
    {
      kind: 'pickup',
      connection: { ...originalTuple(), zone: 0 },
      translated: true,
      verdict: 'reset',
      mapping: 'backend_changed',
      sender: 'client',
      cause: 'timeout',
      broken: true,
      oldBackend: { ip: A, port: 8080 },
      newBackend: { ip: B, port: 8080 },
      lostAtMs: 1000,
      pickedUpAtMs: 1000.05,
      verdictAfterMs: finding!.verdictAfterMs,
      idleSeconds: undefined,
      evidence: [
        ['destroy', 'ESTABLISHED', 1000],
        ['new', 'ESTABLISHED', 1000.05],
        ['destroy', 'CLOSE', 1000.1],
      ],
    },
  );
  assert.ok(Math.abs(finding!.verdictAfterMs - 0.05) < 1e-6);
});

test('the evidence is the DESTROY as it came, although it was kept in columns', () => {
  const destroy = lost({ atMs: 5.5, timeoutSeconds: 86_000, portId: 4_000_000_000, id: 0xfffffffe, zone: 0 });
  const [finding] = pickups(feed(detectorWith(), destroy, pickedUp(), reset()));
  assert.deepEqual(finding!.evidence[0], destroy);
  const fromText = lost({
    status: undefined,
    dstNat: undefined,
    id: undefined,
    tcpState: undefined,
    portId: 9,
  });
  const [other] = pickups(feed(detectorWith(), fromText, pickedUp(), reset()));
  assert.deepEqual(other!.evidence[0], fromText);
});

test('flush: the cause is a program, and the idle time is what the timer had used up', () => {
  const detector = detectorWith();
  detector.timeouts = { ...detector.timeouts, established: 86_400 };
  const findings = feed(
    detector,
    lost({ portId: 337, timeoutSeconds: 86_000, atMs: 1_000_000 }),
    pickedUp({ atMs: 1_005_000 }),
    reset({ atMs: 1_005_001 }),
  );
  assert.equal(verdict(findings).cause, 'deleted');
  assert.equal(pickups(findings)[0]!.idleSeconds, 404.5);
});

test('idle time is unknown where unacknowledged data may have shortened the timer', () => {
  const idle = (destroy: FlowEvent, established: number) => {
    const detector = detectorWith();
    detector.timeouts = { ...detector.timeouts, established };
    return pickups(feed(detector, destroy, pickedUp({ atMs: 1000 }), reset()))[0]!.idleSeconds;
  };
  assert.equal(idle(lost({ timeoutSeconds: 200, portId: 1 }), 86_400), undefined);
  assert.equal(idle(lost(), 86_400), undefined);
  assert.equal(idle(lost({ timeoutSeconds: 300, portId: 1 }), 86_400), undefined);
  assert.equal(idle(lost({ timeoutSeconds: 301, portId: 1 }), 86_400), 86_400 - 301.5 + 1);
  // Where the whole timeout is no longer than the short one, nothing can have shortened it.
  assert.equal(idle(lost(), 6), 7);
  // More left than there can be: the sysctl was changed meanwhile.
  assert.equal(idle(lost({ timeoutSeconds: 86_402, portId: 1 }), 86_400), undefined);
  assert.equal(idle(lost({ tcpState: 'CLOSE_WAIT' }), 86_400), 61);
});

test('removed early by the kernel itself', () => {
  assert.equal(
    verdict(feed(detectorWith(), lost({ timeoutSeconds: 500 }), pickedUp(), reset())).cause,
    'kernel',
  );
});

test('half-closed: an entry that expired in CLOSE_WAIT is a loss', () => {
  for (const tcpState of ['FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK'] as const) {
    const findings = feed(detectorWith(), lost({ tcpState }), pickedUp(), reset());
    assert.deepEqual(verdict(findings), {
      verdict: 'reset',
      mapping: 'backend_changed',
      cause: 'timeout',
      sender: 'client',
      broken: true,
    });
  }
});

test('a connection that closed in order is no loss', () => {
  for (const tcpState of ['TIME_WAIT', 'CLOSE', 'SYN_SENT', 'SYN_RECV', 'NONE'] as const) {
    assert.deepEqual(feed(detectorWith(), lost({ tcpState })), [], tcpState);
  }
});

test('same mapping and answered: survived, and forgotten', () => {
  const detector = detectorWith();
  feed(detector, lost(), pickedUp({ reply: replyTuple(A) }));
  const findings = afterWindow(detector, answered({ reply: replyTuple(A) }));
  assert.deepEqual(verdict(findings), {
    verdict: 'survived',
    mapping: 'same',
    cause: 'timeout',
    sender: 'client',
    broken: false,
  });
  assert.equal(detector.lost.size, 0);
});

test('same mapping but reset: the server was restarted, nobody lost anything', () => {
  const same = { reply: replyTuple(A) };
  assert.deepEqual(verdict(feed(detectorWith(), lost(), pickedUp(same), reset(same))), {
    verdict: 'reset',
    mapping: 'same',
    cause: 'timeout',
    sender: 'client',
    broken: false,
  });
});

test('one backend, masqueraded from another port: broken all the same', () => {
  const old = replyTuple(A, 1, ['10.244.0.1', 14992]);
  for (const masquerade of [
    ['10.244.0.1', 63231],
    ['10.244.0.9', 14992],
  ] as [string, number][]) {
    const renewed = { reply: replyTuple(A, 1, masquerade) };
    const result = verdict(feed(detectorWith(), lost({ reply: old }), pickedUp(renewed), reset(renewed)));
    assert.deepEqual([result.mapping, result.broken], ['source_changed', true]);
  }
});

test('the same backend address on another port is another backend', () => {
  const moved = { reply: { ...replyTuple(A), sport: 8081 } };
  assert.equal(
    verdict(feed(detectorWith(), lost(), pickedUp(moved), reset(moved))).mapping,
    'backend_changed',
  );
});

const untranslated = { reply: { src: SERVICE, sport: 6379, dst: CLIENT, dport: 40001 }, dstNat: false };

test('not translated at all: IPVS forgot the connection', () => {
  const forgotten = lost({ dstNat: false, status: 0x38e, timeoutSeconds: 431_996 });
  const findings = feed(detectorWith(), forgotten, pickedUp(untranslated), reset(untranslated));
  assert.equal(losses(findings)[0]!.cause, 'ipvs');
  assert.deepEqual(verdict(findings), {
    verdict: 'reset',
    mapping: 'none',
    cause: 'ipvs',
    sender: 'client',
    broken: true,
  });
  assert.equal(pickups(findings)[0]!.newBackend, undefined);
});

test('IPVS is told by the pickup where the DESTROY has no status bits (text, Linux 5.10)', () => {
  for (const destroy of [
    lost({ dstNat: undefined, status: undefined, timeoutSeconds: 431_996 }),
    lost({ tcpState: undefined }),
  ]) {
    const findings = feed(detectorWith(), destroy, pickedUp(untranslated), reset(untranslated));
    assert.equal(verdict(findings).cause, 'ipvs');
    assert.equal(losses(findings).length, 1);
  }
});

test('an untranslated pickup with nothing lost counts only for the address of a known Service', () => {
  const story = [pickedUp(untranslated), reset(untranslated)];
  assert.deepEqual(feed(detectorWith(), ...story), []);
  const known = detectorWith({ isServiceAddress: (ip, port) => ip === SERVICE && port === 6379 });
  const result = verdict(feed(known, ...story));
  assert.deepEqual(result, {
    verdict: 'reset',
    mapping: 'none',
    cause: 'unseen',
    sender: 'client',
    broken: true,
  });
});

test('connections without translation are nobody’s Service: nothing is kept of them', () => {
  const detector = detectorWith();
  assert.deepEqual(feed(detector, lost(untranslated), pickedUp(untranslated)), []);
  assert.deepEqual([detector.lost.size, detector.pending.size], [0, 0]);
});

test('a pickup with nothing known before it', () => {
  const result = verdict(feed(detectorWith(), pickedUp(), reset()));
  assert.deepEqual(result, {
    verdict: 'reset',
    mapping: 'unknown',
    cause: 'unseen',
    sender: 'client',
    broken: true,
  });
});

const serverSpeaks = {
  original: replyTuple(A),
  reply: { src: CLIENT, sport: 40001, dst: A, dport: 8080 },
  dstNat: false,
};

test('server speaks first: one broken connection, also when the client then sends', () => {
  const detector = detectorWith();
  const findings = feed(detector, lost(), pickedUp(serverSpeaks), reset(serverSpeaks), pickedUp(), reset());
  const [server, client] = pickups(findings);
  assert.deepEqual(server!.connection, { ...originalTuple(), zone: 0 });
  assert.deepEqual(
    [server!.sender, server!.verdict, server!.mapping, server!.broken, server!.newBackend],
    ['server', 'reset', 'none', true, undefined],
  );
  assert.deepEqual([client!.sender, client!.verdict, client!.broken], ['client', 'reset', false]);
});

test('server speaks first, then the client is re-picked to the old backend, whose socket is gone', () => {
  const same = { reply: replyTuple(A) };
  const findings = feed(
    detectorWith(),
    lost(),
    pickedUp(serverSpeaks),
    reset(serverSpeaks),
    pickedUp(same),
    reset(same),
  );
  assert.equal(brokenCount(findings), 1);
});

test('server speaks first through a masquerade: found by the reply tuple', () => {
  const reply = replyTuple(A, 1, ['10.244.0.1', 14992]);
  const speaks = { original: reply, reply: { src: reply.dst, sport: reply.dport, dst: A, dport: 8080 } };
  const [finding] = pickups(feed(detectorWith(), lost({ reply }), pickedUp(speaks), reset(speaks)));
  assert.deepEqual([finding!.sender, finding!.connection.src, finding!.broken], ['server', CLIENT, true]);
});

/** The kernel's answer: the entry is there, unanswered, with so much time left. */
const unanswered = (timeoutSeconds: number) => pickedUp({ type: 'update', timeoutSeconds });

test('stalled: no reply when the window is over, although the client has sent again', () => {
  const detector = detectorWith();
  feed(detector, lost(), pickedUp());
  assert.deepEqual(due(detector, 10 + WINDOW - 1), []);
  assert.equal(nextDueAtMs(detector), 10 + WINDOW);
  const findings = afterWindow(detector, unanswered(299));
  assert.deepEqual([verdict(findings).verdict, verdict(findings).broken], ['stalled', true]);
  assert.equal(nextDueAtMs(detector), undefined);
});

test('a bare acknowledgement that nobody answers is not stalled: asked again until somebody speaks', () => {
  for (const [reply, expected] of [
    [answered(), 'survived'],
    [unanswered(299), 'stalled'],
  ] as const) {
    const detector = detectorWith();
    feed(detector, lost(), pickedUp());
    // Two seconds after it, less than 298.9 s are left: nothing came since.
    assert.deepEqual(afterWindow(detector, unanswered(298)), []);
    assert.deepEqual(afterWindow(detector, unanswered(297), WINDOW + 1100), []);
    assert.equal(nextDueAtMs(detector), WINDOW + 3100);
    assert.equal(verdict(afterWindow(detector, reply, WINDOW + 3100)).verdict, expected);
  }
});

test('a bare acknowledgement that nothing ever follows has no verdict', () => {
  const detector = detectorWith();
  feed(detector, lost(), pickedUp());
  let nowMs = 0;
  let findings: Finding[] = [];
  for (let asked = 0; findings.length === 0; asked++) {
    assert.ok(asked < 12, 'asked for ever');
    nowMs = nextDueAtMs(detector)!;
    findings = afterWindow(detector, unanswered(Math.floor(300 - (nowMs - 10) / 1000)), nowMs);
  }
  assert.equal(verdict(findings).verdict, 'unknown');
  assert.ok(nowMs > 200_000 && nowMs < 300_000, String(nowMs));
});

test('the unanswered entry ran out before the window did: no verdict, the next packet decides', () => {
  const ranOut = pickedUp({ type: 'destroy', timeoutSeconds: undefined });
  const findings = feed(detectorWith(), lost(), pickedUp(), ranOut, pickedUp(), reset());
  assert.deepEqual(
    pickups(findings).map((f) => [f.verdict, f.broken]),
    [
      ['unknown', false],
      ['reset', true],
    ],
  );
});

test('a program deleted the unanswered entry: no verdict, and the next packet decides', () => {
  const flushed = pickedUp({ type: 'destroy', portId: 12, timeoutSeconds: 299 });
  const findings = feed(
    detectorWith(),
    lost(),
    pickedUp(),
    flushed,
    pickedUp({ reply: replyTuple(C) }),
    reset(),
  );
  assert.deepEqual(
    pickups(findings).map((f) => [f.verdict, f.broken, f.oldBackend?.ip]),
    [
      ['unknown', false, A],
      ['reset', true, A],
    ],
  );
});

test('lost again after it was answered: survived, and a new loss', () => {
  const again = lost({ reply: replyTuple(B), portId: 5, timeoutSeconds: 431_000 });
  const findings = feed(
    detectorWith(),
    lost(),
    pickedUp(),
    again,
    pickedUp({ reply: replyTuple(C) }),
    reset(),
  );
  assert.deepEqual(
    pickups(findings).map((f) => [f.verdict, f.cause, f.broken]),
    [
      ['survived', 'timeout', false],
      ['reset', 'deleted', true],
    ],
  );
  assert.equal(losses(findings).length, 2);
});

test('retransmissions: many pickups, one broken connection', () => {
  const story = [lost()];
  for (let i = 0; i < 5; i++) story.push(pickedUp({ id: i }), reset({ id: i }));
  const findings = feed(detectorWith(), ...story);
  assert.deepEqual([pickups(findings).length, brokenCount(findings)], [5, 1]);
  assert.equal(brokenCount(feed(detectorWith(), ...story.slice(1))), 1, 'also with nothing known before');
});

test('a second segment that reaches the old backend does not make a broken connection survive', () => {
  const detector = detectorWith();
  const same = { reply: replyTuple(A) };
  const findings = feed(detector, lost(), pickedUp(), reset(), pickedUp(same));
  findings.push(...afterWindow(detector, answered(same)));
  assert.deepEqual(
    pickups(findings).map((f) => f.verdict),
    ['reset'],
  );
});

test('the tuple is used again by a new connection: what it loses counts anew', () => {
  const detector = detectorWith();
  const story = [lost(), pickedUp(), reset()];
  assert.equal(brokenCount([...feed(detector, ...story), ...feed(detector, ...story)]), 2);
});

test('a SYN on the tuple of a lost entry is a new connection: no finding', () => {
  const syn = pickedUp({ tcpState: 'SYN_SENT' });
  const refused = lost({ tcpState: 'CLOSE', seenReply: false, status: 0x3a8 });
  assert.deepEqual(pickups(feed(detectorWith(), lost(), syn, refused)), []);
});

test('connection refused, port scans: a DESTROY in CLOSE that ends no pickup', () => {
  assert.deepEqual(feed(detectorWith(), reset(), reset({ tcpState: undefined })), []);
});

test('an entry inserted by a program is no pickup', () => {
  const inserted = pickedUp({ seenReply: true, assured: true, portId: 5282 });
  assert.deepEqual(pickups(feed(detectorWith(), lost(), inserted, reset())), []);
  const replied = pickedUp({ seenReply: true, assured: true });
  assert.deepEqual(pickups(feed(detectorWith(), lost(), replied, reset())), [], 'a reply at birth');
  const bare = pickedUp({ portId: 5282 });
  assert.deepEqual(pickups(feed(detectorWith(), lost(), bare, reset())), []);
});

test('other protocols are ignored', () => {
  assert.deepEqual(feed(detectorWith(), lost({ protocol: 17 }), pickedUp({ protocol: 17 })), []);
});

test('equal tuples in two zones are two connections', () => {
  const findings = feed(detectorWith(), lost({ zone: 1 }), pickedUp({ zone: 2 }), reset({ zone: 2 }));
  assert.equal(verdict(findings).mapping, 'unknown');
  const crossed = feed(detectorWith(), pickedUp({ zone: 1 }), reset({ zone: 2 }));
  assert.deepEqual(crossed, []);
});

test('Linux 5.10: an orderly close is remembered, but not counted as lost', () => {
  const detector = detectorWith();
  const bare = { tcpState: undefined, timeoutSeconds: undefined };
  assert.deepEqual(feed(detector, lost(bare)), []);
  assert.deepEqual([detector.lost.size, detector.unconfirmed.size], [0, 1]);
  const findings = feed(detector, pickedUp({ atMs: 5000 }), reset(bare));
  assert.deepEqual([losses(findings).length, verdict(findings).cause], [1, 'unknown']);
  assert.deepEqual([detector.lost.size, detector.unconfirmed.size], [1, 0]);
});

test('Linux 5.10: an entry removed by the very packet that is picked up had expired', () => {
  const findings = feed(
    detectorWith(),
    lost({ tcpState: undefined, atMs: 100 }),
    pickedUp({ atMs: 105 }),
    reset(),
  );
  assert.equal(verdict(findings).cause, 'timeout');
});

test('Linux 5.10: a flush is told by its port id, a reset by its haste', () => {
  const flushed = lost({ tcpState: undefined, portId: 337 });
  assert.equal(
    verdict(feed(detectorWith(), flushed, pickedUp(), reset({ tcpState: undefined }))).cause,
    'deleted',
  );
  const detector = detectorWith();
  feed(detector, flushed, pickedUp());
  const late = step(detector, reset({ tcpState: undefined }), 10 + WINDOW);
  assert.equal(verdict(late).verdict, 'unknown');
});

test('Linux 5.10: what is known of an earlier connection does not hide a later loss under its tuple', () => {
  const bare = { tcpState: undefined, timeoutSeconds: undefined };
  const detector = detectorWith();
  const first = feed(detector, lost({ portId: 7 }), pickedUp(), reset());
  const second = feed(
    detector,
    lost({ ...bare, reply: replyTuple(C) }),
    pickedUp({ reply: replyTuple(A) }),
    reset(),
  );
  assert.equal(brokenCount(first), 1);
  const [finding] = pickups(second);
  assert.deepEqual(
    [finding!.broken, finding!.oldBackend?.ip, finding!.mapping],
    [true, C, 'backend_changed'],
  );
});

test('breaks of which nothing was known do not push out real losses, and are forgotten after a while', () => {
  const detector = detectorWith({ lostCapacity: 4, brokenCapacity: 4, brokenTtlMs: 1000 });
  feed(detector, lost());
  for (let sport = 1; sport < 20; sport++) {
    const stray = { original: originalTuple(sport), reply: replyTuple(B, sport) };
    feed(detector, pickedUp(stray), reset(stray));
  }
  assert.deepEqual([detector.lost.size, detector.lost.evictions, detector.broken.size], [1, 0, 4]);
  const late = { original: originalTuple(19), reply: replyTuple(B, 19) };
  step(detector, pickedUp(late), 5000);
  assert.equal(brokenCount(step(detector, reset(late), 5001)), 1, 'another connection by now');
});

test('no entry: asked once more, then it ended in a way that takes a reply', () => {
  const detector = detectorWith();
  feed(detector, lost(), pickedUp());
  assert.deepEqual(afterWindow(detector, 'absent'), []);
  assert.equal(verdict(afterWindow(detector, 'absent', 3 * WINDOW)).verdict, 'survived');
});

test('no entry, but the DESTROY was only late: reset', () => {
  const detector = detectorWith();
  feed(detector, lost(), pickedUp());
  afterWindow(detector, 'absent');
  assert.equal(verdict(step(detector, reset(), WINDOW + 200)).verdict, 'reset');
});

test('no entry, and messages were lost meanwhile: nobody knows', () => {
  const detector = detectorWith();
  feed(detector, lost(), pickedUp());
  detector.eventsLostAtMs = 500;
  afterWindow(detector, 'absent');
  const result = verdict(afterWindow(detector, 'absent', 3 * WINDOW));
  assert.deepEqual([result.verdict, result.broken], ['unknown', false]);
});

test('the kernel answers with an entry of the other direction: that is not ours', () => {
  const detector = detectorWith();
  feed(detector, lost(), pickedUp());
  const other = answered({ original: replyTuple(A) });
  assert.deepEqual(afterWindow(detector, other), []);
});

test('an answer for a pickup that is decided already changes nothing', () => {
  const detector = detectorWith();
  feed(detector, lost(), pickedUp());
  const [pending] = due(detector, WINDOW + 100);
  step(detector, reset(), WINDOW + 100);
  assert.deepEqual(settle(detector, pending!, answered(), WINDOW + 100), []);
});

test('stopping: what is pending has no verdict', () => {
  const detector = detectorWith();
  feed(detector, lost(), pickedUp());
  const result = verdict(abandon(detector, 50));
  assert.deepEqual([result.verdict, result.broken], ['unknown', false]);
  assert.equal(detector.pending.size, 0);
});

test('pending pickups are bounded: the oldest goes without a verdict, and is counted', () => {
  const detector = detectorWith({ pendingCapacity: 2 });
  const story = [1, 2, 3].map((sport) =>
    pickedUp({ original: originalTuple(sport), reply: replyTuple(B, sport) }),
  );
  const findings = feed(detector, ...story);
  assert.deepEqual([verdict(findings).verdict, pickups(findings)[0]!.connection.sport], ['unknown', 1]);
  assert.deepEqual([detector.pending.size, detector.pending.evictions], [2, 1]);
});

test('time that runs backwards breaks nothing', () => {
  const detector = detectorWith();
  step(detector, lost({ atMs: 9000 }), 9000);
  step(detector, pickedUp({ atMs: 500 }), 500);
  const [finding] = pickups(step(detector, reset({ atMs: 100 }), 100));
  assert.deepEqual([finding!.verdict, finding!.verdictAfterMs], ['reset', 0]);
});
