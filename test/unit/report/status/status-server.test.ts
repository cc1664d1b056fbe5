import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { brokenLine } from '../../../../src/report/broken-line.ts';
import { brokenSentence } from '../../../../src/report/broken-sentence.ts';
import { type StatusContent, serveContent } from '../../../support/status-source.ts';
import { flowAtRisk, ipvsFlow, slowFlow } from '../at-risk-samples.ts';
import { NOON_MS, pickup } from '../samples.ts';

const usual = (): StatusContent => ({
  node: 'node-1',
  pickups: [pickup(), pickup({ pickedUpAtMs: NOON_MS + 60_000, cause: 'deleted', verdict: 'stalled' })],
  atRisk: [flowAtRisk(), slowFlow()],
  reasons: [],
});

async function ask(url: string, headers: Record<string, string> = {}, method = 'GET') {
  const sent = request(url, { method, headers: { connection: 'close', ...headers } }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

const json = async (url: string) => JSON.parse((await ask(url)).body) as Record<string, unknown>;

test('broken connections are those of the log, newest first, with the sentence', async () => {
  const content = usual();
  await using server = await serveContent(content);
  const [older, newer] = content.pickups.map((each, i) => ({
    number: i + 1,
    ...brokenLine(each),
    msg: brokenSentence(each, { nf_conntrack_tcp_timeout_established: 432_000 }),
  }));
  const all = await json(`${server.url}/api/v1/broken`);
  assert.deepEqual(all, { node: 'node-1', broken_total: 2, kept: 2, connections: [newer, older] });
  assert.deepEqual((await json(`${server.url}/api/v1/broken?limit=1`))['connections'], [newer]);
});

test('connections at risk have the form of audit --json; before the first snapshot it says so', async () => {
  const content = usual();
  await using server = await serveContent(content);
  const report = await json(`${server.url}/api/v1/at-risk?limit=1`);
  assert.deepEqual(
    [report['node'], report['taken_at'], report['service_connections'], report['connections_at_risk']],
    ['node-1', '2026-03-01T12:00:00.000Z', 14, 2],
  );
  assert.equal((report['connections'] as unknown[]).length, 1);
  content.atRisk = undefined;
  const none = await ask(`${server.url}/api/v1/at-risk`);
  assert.deepEqual([none.status, none.body], [503, '{"error":"the conntrack table has not been read yet"}']);
  assert.match((await ask(server.url)).body, /The conntrack table has not been read yet\./);
});

test('advice is given once each, also where one reason has two; and with snapshots off it is said', async () => {
  const content = usual();
  content.atRisk = [flowAtRisk(), flowAtRisk(), ipvsFlow()];
  await using server = await serveContent(content);
  const { body } = await ask(server.url);
  const advice = [...body.matchAll(/class="advice"><b>no_keepalive<\/b> ([^<]*)/g)].map(([, text]) => text!);
  assert.equal(advice.length, 2);
  assert.match(advice[0]!, /nf_conntrack_tcp_timeout_established/);
  assert.match(advice[1]!, /--ipvs-tcp-timeout/);
  assert.doesNotMatch(body, /snapshots are off/);
  content.snapshotsOff = true;
  assert.match((await ask(server.url)).body, /, and not again: snapshots are off\./);
});

test('JSON has no character that a terminal could obey', async () => {
  const content = usual();
  const evil = '\u007f\u009b31m\u2028';
  content.pickups = [pickup({ service: { ...pickup().service, name: evil } })];
  await using server = await serveContent(content);
  const { body } = await ask(`${server.url}/api/v1/broken`);
  assert.doesNotMatch(body, /[\u007f-\u009f\u2028]/);
  assert.equal(JSON.parse(body).connections[0].service.name, evil);
});

test('the health of the agent leaves out what is not known', async () => {
  const content = usual();
  content.reasons = ['events_enabled: nf_conntrack_events is 0'];
  await using server = await serveContent(content);
  const health = await json(`${server.url}/api/v1/health`);
  assert.deepEqual(
    [health['ready'], health['reasons'], health['events_lost'], health['evictions']],
    [false, content.reasons, 17, 1],
  );
  assert.ok(!('blind_entries' in health));
  assert.deepEqual(health['settings'], { nf_conntrack_events: 2 });
});

test('a limit that is no count is refused, in words', async () => {
  await using server = await serveContent(usual());
  for (const limit of ['0', '-1', 'x', '1e3', '', '99999999999', '1&limit=2']) {
    for (const path of ['/api/v1/broken', '/api/v1/at-risk', '/']) {
      const { status, body } = await ask(`${server.url}${path}?limit=${limit}`);
      assert.equal(status, 400, `${path}?limit=${limit}`);
      assert.match(body, /limit .*: not a count; allowed is one whole number from 1 to 999999999/);
    }
  }
});

test('a foreign name in the Host header gets nothing, whatever it asks for', async () => {
  await using server = await serveContent(usual());
  for (const path of ['/', '/api/v1/broken', '/api/v1/stream', '/status.js', '/nowhere']) {
    const { status, body } = await ask(server.url + path, { host: 'evil.example:9470' });
    assert.deepEqual(
      [status, body],
      [403, 'this name is not served here; use an address, localhost or the name of the node\n'],
    );
  }
  assert.equal((await ask(server.url, { host: 'node-1:9470' })).status, 200);
});

test('every answer forbids scripts, styles and frames from elsewhere, errors too', async () => {
  await using server = await serveContent(usual());
  for (const path of ['/', '/api/v1/broken', '/nowhere', '/?limit=x']) {
    const { headers } = await ask(server.url + path);
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.equal(headers['access-control-allow-origin'], undefined);
    assert.equal(headers['cache-control'], 'no-store');
  }
  const post = await ask(server.url, {}, 'POST');
  assert.equal(post.status, 405);
});

test('the page is self-contained: nothing from another host, no inline script or style', async () => {
  await using server = await serveContent(usual());
  const { body } = await ask(server.url);
  assert.doesNotMatch(body, /(?:href|src)="(?:https?:)?\/\//);
  assert.doesNotMatch(body, /<script(?![^>]* src=)|<style| style=| on[a-z]+="/);
  for (const [, path] of body.matchAll(/(?:href|src)="(\/[^"]+)"/g)) {
    assert.equal((await ask(`${server.url}${path}`)).status, 200);
  }
});

test('foreign names stay text, wherever they stand', async () => {
  const evil = `"><script>alert(1)</script>'&`;
  const { client, service } = pickup();
  const content: StatusContent = {
    node: evil,
    reasons: [`topology_synced: ${evil}`],
    pickups: [
      pickup({
        client: { ...client, namespace: evil, pod: evil, workload: `Deployment/${evil}` },
        service: { ...service, namespace: evil, name: evil },
        oldBackend: { ...pickup().oldBackend!, pod: evil, node: evil, namespace: evil },
      }),
    ],
    atRisk: [
      flowAtRisk({
        client: { ...client, namespace: evil, pod: evil, workload: evil },
        service: { ...service, namespace: evil, name: evil },
        backend: { ...pickup().oldBackend!, pod: evil, namespace: evil },
      }),
    ],
  };
  await using server = await serveContent(content);
  const { body } = await ask(server.url);
  assert.equal(body.match(/<script/g)?.length, 1, 'only the page’s own');
  assert.doesNotMatch(body, /alert\(1\)<\/script>/);
  assert.ok(body.split('alert').length > 15, 'it was to be seen in many places');
});

test('an error of ours is a 500 without details, and is reported', async () => {
  const errors: unknown[] = [];
  const failure = new Error('secret path');
  const content = usual();
  content.onHealth = () => {
    throw failure;
  };
  await using server = await serveContent(content, (error) => errors.push(error));
  assert.deepEqual((await ask(server.url)).body, 'an error on our side; the log says more\n');
  assert.deepEqual(errors, [failure]);
});
