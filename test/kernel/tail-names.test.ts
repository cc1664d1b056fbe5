/** `tail` with names from an API server, and with connections that are older than itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exec, sysctl } from '../../src/lab/namespace.ts';
import { createCluster, skip } from '../support/cluster.ts';
import { apiAccess, objectsOf, PORT, startServer } from '../support/lab-api-server.ts';
import { startTail } from '../support/tail-process.ts';

test('names come from the API server before the first event', { skip }, async (t) => {
  const { lab, client, target } = await createCluster(t, { backends: 1 });
  const { kubeconfig, certificates } = apiAccess(t);
  await startServer(lab, { certificates, port: PORT, version: 1, objects: objectsOf(lab, 'checkout') });
  const tail = await startTail(lab.node, [
    '--kubeconfig',
    kubeconfig,
    '--node-name',
    'node-1',
    '--all',
    '--service',
    'shop/redis',
  ]);
  await client.connect({ ...target, count: 1 });
  const lines = await tail.until((line) => line.includes('[UPDATE] tcp ESTABLISHED'), 'connection');
  assert.match(lines[0]!, / +\[NEW\] tcp SYN_SENT .*shop\/checkout-.* \(shop\/redis:6379\) -> /);
  assert.equal((await tail.stop()).code, 0);
  assert.match(tail.stderr(), /^conntrack-watchdog: 3 events shown, 0 lost, 0 broken connections\n$/);
});

test('without an answer of the API server: says so, and goes on with addresses', { skip }, async (t) => {
  const { lab, client, target } = await createCluster(t, { backends: 1 });
  const { kubeconfig } = apiAccess(t);
  const tail = await startTail(lab.node, ['--kubeconfig', kubeconfig, '--node-name', 'node-1', '--all']);
  await client.connect({ ...target, count: 1 });
  const { ip, port } = lab.service;
  await tail.until((line) => line.includes(`-> ${ip}:${port} -> `), 'connection');
  assert.equal((await tail.stop()).code, 0);
  assert.match(tail.stderr(), /^conntrack-watchdog: Cannot list \S+: connect ECONNREFUSED/m);
  assert.match(tail.stderr(), /^conntrack-watchdog: the API server did not tell all names within 5 s /m);
});

test('entries that are older than it send no event: snapshots tell of their loss', { skip }, async (t) => {
  const { lab, client, target } = await createCluster(t, { backends: 1 });
  // Whoever else listens on this machine.
  await sysctl(lab.node, 'net.netfilter.nf_conntrack_events', 0);
  await client.connect({ ...target, count: 20 });
  await sysctl(lab.node, 'net.netfilter.nf_conntrack_events', 2);
  const connections = await client.connections();
  const tail = await startTail(lab.node, ['--snapshot-interval', '1s']);
  // Of an entry that goes before the first snapshot nobody will ever know; that one is over soon.
  let isTold = false;
  for (const { localPort } of connections) {
    await exec(lab.node, 'conntrack', ['-D', '-p', 'tcp', '--sport', String(localPort)]);
    const told = tail.until((line) => line.includes('ENTRY LOST (deleted'), 'lost entry');
    const patience = new Promise((resolve) => setTimeout(resolve, 2500));
    isTold = await Promise.race([told.then(() => true), patience.then(() => false)]);
    if (isTold) break;
    told.catch(() => {});
  }
  assert.ok(isTold, tail.stdout());
  assert.doesNotMatch(tail.stdout(), /\[DESTROY\]/);
  assert.equal((await tail.stop()).code, 0);
});
