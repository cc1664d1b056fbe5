/** The BPF program against the real kernel: what must pass passes, what must not does not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeDatagram } from '../../src/decode/datagram.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openEventSocket } from '../../src/kernel/event-socket.ts';
import { exec } from '../../src/lab/namespace.ts';
import { startPeer } from '../../src/lab/peer.ts';
import {
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from '../../src/lib/ctnetlink.ts';
import type { FlowEvent } from '../../src/model/flow-event.ts';
import { createCluster, KINDS, sendOnAll, skip } from '../support/cluster.ts';
import { inNamespace } from '../support/in-namespace.ts';

const OPEN = ['ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK'];

/** The rule of kernel-facts in words, independent of the program's instructions. */
function mustPass(event: FlowEvent): boolean {
  if (event.protocol !== 6) return false;
  if (event.type !== 'destroy') return event.tcpState === 'ESTABLISHED' && !event.seenReply;
  if (event.tcpState === undefined || OPEN.includes(event.tcpState)) return true;
  return event.tcpState === 'CLOSE' && !event.seenReply;
}

const nameOf = ({ type, protocol, tcpState, seenReply }: FlowEvent) =>
  `${type} ${protocol === 6 ? tcpState : protocol}${seenReply ? ' replied' : ''}`;

describe('the event filter', { skip }, () => {
  test('is there before a group is joined: sockets opened in the middle of traffic get nothing unfiltered', async (t) => {
    const { lab, client, target } = await createCluster(t);
    const passed: FlowEvent[] = [];
    const clock = systemClock();
    let churning = true;
    const churn = client.churn({ ...target, count: 4000 }).finally(() => {
      churning = false;
    });
    let opened = 0;
    while (churning) {
      const socket = inNamespace(lab.node, () =>
        openEventSocket({
          clock,
          receiveBufferBytes: 2 ** 20,
          onDatagram: (datagram) => {
            for (const message of decodeDatagram(datagram))
              if (message.kind === 'flow') passed.push(message.event);
          },
        }),
      );
      opened++;
      await new Promise((resolve) => setTimeout(resolve, 2));
      socket.close();
    }
    assert.equal((await churn).done, 4000);
    assert.ok(opened > 20, `only ${opened} sockets`);
    assert.deepEqual(
      passed.filter((event) => !mustPass(event)),
      [],
    );
  });
});

// Side by side, as most of the time entries are waited for to expire.
describe('the event filter, with all kinds of events', { skip, concurrency: KINDS.length }, () => {
  for (const { name, ...kind } of KINDS) {
    test(`passes evidence and nothing else: ${name}`, async (t) => {
      const { lab, client, servers, target } = await createCluster(t, {
        ...kind,
        backends: 2,
        timeouts: { timeWait: 1, closeWait: 1 },
      });
      const passed: FlowEvent[] = [];
      const all: FlowEvent[] = [];
      const clock = systemClock();
      const open = (into: FlowEvent[], unfiltered: boolean) =>
        openEventSocket({
          clock,
          receiveBufferBytes: 16 * 2 ** 20,
          ...(unfiltered ? { filter: undefined } : {}),
          groups: [
            ...[NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY],
            ...(unfiltered ? [NFNLGRP_CONNTRACK_UPDATE] : []),
          ],
          onDatagram: (datagram) => {
            for (const message of decodeDatagram(datagram))
              if (message.kind === 'flow') into.push(message.event);
          },
        });
      const sockets = inNamespace(lab.node, () => [open(passed, false), open(all, true)]);
      t.after(() => {
        for (const socket of sockets) socket.close();
      });

      // Ordinary life: connections that come and go, refused ones, another protocol.
      await client.churn({ ...target, count: 30 });
      await client.refused({ host: lab.servers[0]!.ip, port: 9, count: 10 });
      const insert = (protocol: string, ...what: string[]) =>
        exec(lab.node, 'conntrack', [
          '-I',
          '-p',
          protocol,
          '-s',
          lab.node.address,
          '-d',
          target.host,
          '--sport',
          '9',
          '--dport',
          '9',
          ...what,
        ]);
      await insert('udp', '-t', '60');
      await insert('tcp', '-t', '60', '--state', 'ESTABLISHED', '-u', 'ASSURED,SEEN_REPLY');
      // Losses of all kinds: flushed, half-closed and expired; then pickups, reset and answered.
      await client.connect({ ...target, count: 20 });
      await lab.flush();
      await sendOnAll(client);
      const half = await startPeer(lab.clients[0]!);
      await lab.setBackends([lab.servers[0]!]);
      await half.connect({ ...target, count: 5 });
      await servers[0]!.endAll();
      await half.waitFor({ halfClosed: 5 });
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await lab.setBackends([lab.servers[1]!]);
      await sendOnAll(half);
      await lab.flush();
      const flushed = () => all.filter(({ portId, type }) => portId !== 0 && type === 'destroy').length;
      await lab.conntrackList();
      await until(() => flushed() > 20 && passed.length === all.filter(created).filter(mustPass).length);

      const expected = all.filter(created).filter(mustPass);
      assert.deepEqual(passed.map(withoutReadingTime), expected.map(withoutReadingTime));
      const kinds = new Set(all.filter(created).map(nameOf));
      for (const wanted of [
        ...['new SYN_SENT', 'new ESTABLISHED', 'destroy CLOSE', 'destroy ESTABLISHED replied'],
        ...['destroy TIME_WAIT replied', 'destroy CLOSE_WAIT replied', 'new 17', 'new ESTABLISHED replied'],
      ]) {
        assert.ok(kinds.has(wanted), `the load made no "${wanted}": ${[...kinds].sort().join(', ')}`);
      }
    });
  }
});

/** Events of the groups that the filtered socket has joined too. */
function created({ type }: FlowEvent): boolean {
  return type !== 'update';
}

function withoutReadingTime({ atMs: _, ...event }: FlowEvent) {
  return event;
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!holds() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
}
