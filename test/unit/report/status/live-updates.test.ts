import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { createLiveUpdates } from '../../../../src/report/status/live-updates.ts';
import { serveContent } from '../../../support/status-source.ts';
import { pickup } from '../samples.ts';

const content = () => ({ node: 'node-1', pickups: [], atRisk: [], reasons: [] });

/** Opens the stream; `next` resolves with the data of the next event. */
async function listen(url: string) {
  const sent = request(`${url}/api/v1/stream`, { headers: { accept: 'text/event-stream' } }).end();
  sent.on('error', () => {});
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const events: { broken_total: number; ready: boolean }[] = [];
  let wake = () => {};
  let rest = '';
  response
    .setEncoding('utf8')
    .on('error', () => {})
    .on('data', (chunk: string) => {
      rest += chunk;
      const parts = rest.split('\n\n');
      rest = parts.pop()!;
      for (const part of parts) {
        const data = /^data: (.*)$/m.exec(part)?.[1];
        if (data !== undefined) events.push(JSON.parse(data) as (typeof events)[number]);
      }
      wake();
    });
  return {
    response,
    async next() {
      while (events.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return events.shift()!;
    },
    close: () => sent.destroy(),
  };
}

test('a reader is told at once where things stand, and then when a connection breaks', async () => {
  await using server = await serveContent(content());
  const reader = await listen(server.url);
  assert.match(String(reader.response.headers['content-type']), /^text\/event-stream/);
  assert.match(String(reader.response.headers['content-security-policy']), /default-src 'none'/);
  assert.deepEqual(await reader.next(), { broken_total: 0, ready: true });
  server.add(pickup());
  assert.deepEqual(await reader.next(), { broken_total: 1, ready: true });
  reader.close();
});

test('a flood of breaks is told in few words: the last has them all', async () => {
  await using server = await serveContent(content());
  const reader = await listen(server.url);
  await reader.next();
  for (let i = 0; i < 10_000; i++) server.add(pickup());
  let told = 0;
  for (let total = 0; total < 10_000; told++) total = (await reader.next()).broken_total;
  assert.ok(told <= 2, `${told} events`);
  reader.close();
});

test('readers are bounded: one too many is told to come back', async () => {
  await using server = await serveContent(content());
  const readers = await Promise.all(Array.from({ length: 16 }, () => listen(server.url)));
  const more = await listen(server.url);
  assert.deepEqual([more.response.statusCode, more.response.headers['retry-after']], [503, '30']);
  more.close();
  for (const reader of readers) reader.close();
});

test('closing ends the streams at once', async () => {
  const server = await serveContent(content());
  const reader = await listen(server.url);
  await reader.next();
  const ended = once(reader.response, 'close');
  await server.close();
  await ended;
});

test('a reader is told once of what is new, a second apart at least, and nothing while there is nothing', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  // In steps: a timer that is set within a step counts from its end.
  const passMinute = () => {
    for (let second = 0; second < 60; second++) t.mock.timers.tick(1000);
  };
  let totals = { broken_total: 0, ready: true };
  const updates = createLiveUpdates(() => totals);
  const told: number[] = [];
  const send = async ({ data }: { data: typeof totals }) => void told.push(data.broken_total);
  const sse = { send, onClose() {}, keepAlive() {}, close() {} };
  let open = async (_request: object, _reply: object) => {};
  const server = {
    register: async () => {},
    get: (_path: string, _options: object, handler: typeof open) => {
      open = handler;
    },
  };
  await updates.addRoute(server as unknown as FastifyInstance, '/stream');
  await open({}, { raw: { writableLength: 0 }, sse });
  passMinute();
  assert.deepEqual(told, [0], 'where things stand, and no more');
  totals = { broken_total: 1, ready: true };
  updates.announce();
  passMinute();
  assert.deepEqual(told, [0, 1]);
  for (const broken_total of [2, 3, 4]) {
    totals = { broken_total, ready: true };
    updates.announce();
    t.mock.timers.tick(1);
  }
  assert.deepEqual(told, [0, 1, 2], 'the next one comes a second later');
  t.mock.timers.tick(1000);
  assert.deepEqual(told, [0, 1, 2, 4], 'the last has them all');
  updates.close();
});
