/** What the status page and its JSON say of protection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type StatusContent, serveContent } from '../../../support/status-source.ts';
import { flowAtRisk, ipvsFlow, protectedWorkload, WEEK_SECONDS } from '../at-risk-samples.ts';
import { stranger } from '../samples.ts';

const content = (fields: Partial<StatusContent> = {}): StatusContent => ({
  node: 'node-1',
  pickups: [],
  atRisk: [flowAtRisk({ unprotected: 'client_unseen' }), flowAtRisk({ unprotected: 'client_unseen' })],
  reasons: [],
  protection: [protectedWorkload(), protectedWorkload({ client: NODE, connections: 7 })],
  ...fields,
});
const NODE = { namespace: undefined, workload: 'Node/node-1' };

const page = async (url: string) => await (await fetch(url)).text();
const json = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>;
/** The cells of a section's table, row by row. */
const rowsOf = (body: string, section: string) => {
  const [, inner = ''] = new RegExp(`<section id="${section}"[^>]*>([\\s\\S]*?)</section>`).exec(body) ?? [];
  return [...inner.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map(([, row]) =>
    [...row!.matchAll(/<t[hd]>([\s\S]*?)<\/t[hd]>/g)].map(([, cell]) => cell!.replaceAll(/<[^>]*>/g, '')),
  );
};

test('a badge, and a section by client and Service, those with the most connections first', async () => {
  await using server = await serveContent(content());
  const body = await page(server.url);
  assert.match(body, /<span class="badge ok">12 protected<\/span>/);
  assert.deepEqual(rowsOf(body, 'protected'), [
    ['Connections', 'Client', 'Service'],
    ['7', 'Node/node-1', 'shop/redis:6379'],
    ['5', 'shop/Deployment/checkout', 'shop/redis:6379'],
  ]);
  assert.match(body, /12 of 26 open connections through Services are kept alive:/);
  assert.match(body, /for at most 7 d without a packet/);
  assert.match(body, /<dt>Protection<\/dt><dd>renew, idle for at most 7 d<\/dd>/);
});

test('more than 50 workloads: the largest, and how many of the connections they have', async () => {
  const protection = Array.from({ length: 60 }, (_, i) =>
    protectedWorkload({ client: { namespace: 'shop', workload: `Job/a${i}` }, connections: i + 1 }),
  );
  await using server = await serveContent(content({ protection }));
  const body = await page(server.url);
  assert.equal(rowsOf(body, 'protected').length, 1 + 50);
  assert.match(body, /1830 of 1844 open .* are kept alive, 1775 of them in the 50 rows below:/);
  const document = await json(`${server.url}/api/v1/at-risk?limit=2`);
  assert.equal(document['protected_connections'], 1830);
  assert.deepEqual(
    (document['protected'] as { connections: number }[]).map(({ connections }) => connections),
    [60, 59],
  );
});

test('what is at risk says why it is not protected, in its row and once below', async () => {
  await using server = await serveContent(content());
  const body = await page(server.url);
  const [heading, ...rows] = rowsOf(body, 'at-risk');
  assert.equal(heading?.at(-1), 'Not protected');
  assert.deepEqual(
    rows.map((row) => row.at(-1)),
    ['client_unseen', 'client_unseen'],
  );
  const below = body.match(/<b>client_unseen<\/b> Not protected, as its client/g);
  assert.equal(below?.length, 1);
  const { connections } = await json(`${server.url}/api/v1/at-risk`);
  assert.deepEqual(
    (connections as { unprotected: string }[]).map(({ unprotected }) => unprotected),
    ['client_unseen', 'client_unseen'],
  );
});

test('off: no badge, no table, no column, and how it could be had', async () => {
  await using server = await serveContent(content({ protection: undefined, atRisk: [flowAtRisk()] }));
  const body = await page(server.url);
  assert.doesNotMatch(body, /protected<\/span>|Not protected|kept alive/);
  // The script looks for it when the agent comes back with protection.
  assert.match(body, /<section id="protected" data-live><\/section>/);
  assert.match(body, /<dt>Protection<\/dt><dd>off: with --protect renew the agent keeps/);
  const document = await json(`${server.url}/api/v1/at-risk`);
  assert.ok(!('protected' in document) && !('protected_connections' in document));
  const health = await json(`${server.url}/api/v1/health`);
  assert.equal(health['protect'], 'off');
  assert.ok(!('protect_max_idle_seconds' in health));
});

test('off, and all that is at risk goes through IPVS: it is not promised what cannot be had', async () => {
  await using server = await serveContent(content({ protection: undefined, atRisk: [ipvsFlow()] }));
  assert.match(await page(server.url), /<dd>off: there is none for connections through IPVS/);
});

test('before the first snapshot it is not known how many; none is said to be none', async () => {
  const first = content({ atRisk: undefined });
  await using server = await serveContent(first);
  assert.match(await page(server.url), /<span class="badge ok">\? protected<\/span>/);
  assert.match(await page(server.url), /id="protected"[^>]*><h2>Protected[\s\S]*has not been read yet/);
  Object.assign(first, content({ protection: [] }));
  const body = await page(server.url);
  assert.match(body, /<span class="badge ok">0 protected<\/span>/);
  assert.match(body, /0 of 14 open connections through Services are kept alive:/);
  assert.deepEqual(rowsOf(body, 'protected'), []);
});

test('health says the mode and the longest idle time', async () => {
  await using server = await serveContent(content());
  const health = await json(`${server.url}/api/v1/health`);
  assert.deepEqual([health['protect'], health['protect_max_idle_seconds']], ['renew', WEEK_SECONDS]);
});

test('names stay text; who is not known is said to be', async () => {
  const evil = `"><script>alert(1)</script>'&`;
  const protection = [
    protectedWorkload({
      client: { namespace: evil, workload: evil },
      service: { ...stranger('x', 1), namespace: evil, name: evil, known: true },
    }),
    protectedWorkload({
      client: { namespace: undefined, workload: undefined },
      service: stranger('2001:db8::1', 443),
    }),
  ];
  await using server = await serveContent(content({ protection }));
  const body = await page(server.url);
  assert.equal(body.match(/<script/g)?.length, 1, 'only the page’s own');
  assert.deepEqual(rowsOf(body, 'protected').at(-1), ['5', 'not known', '[2001:db8::1]:443']);
});
