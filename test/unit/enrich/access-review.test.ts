import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasPods, reviewAccess } from '../../../src/enrich/access-review.ts';
import type { ApiCall, ApiClient } from '../../../src/enrich/api-call.ts';
import { ApiError } from '../../../src/enrich/api-error.ts';

const WANTED = [{ verb: 'list', group: 'discovery.k8s.io', resource: 'endpointslices' }];
const signal = new AbortController().signal;

/** Answers everything with this; keeps what was asked, and counts what was closed. */
function server(status: number, body: string) {
  const calls: ApiCall[] = [];
  const seen = { calls, closed: 0 };
  const client: ApiClient = async (call) => {
    calls.push(call);
    return {
      status,
      retryAfter: undefined,
      body: (async function* () {
        yield Buffer.from(body);
      })(),
      close: async () => {
        seen.closed += 1;
      },
    };
  };
  return { client, seen };
}

test('a right is asked for in all namespaces, and the answer is passed on', async () => {
  for (const allowed of [true, false]) {
    const { client, seen } = server(201, JSON.stringify({ status: { allowed } }));
    assert.deepEqual(await reviewAccess(client, WANTED, signal), [{ ...WANTED[0], allowed }]);
    const { method, path, body } = seen.calls[0]!;
    assert.deepEqual([method, path], ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews']);
    assert.deepEqual(JSON.parse(body!), {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: WANTED[0] },
    });
    assert.equal(seen.closed, 1);
  }
});

test('an answer that is none is an ApiError, and its connection is closed', async () => {
  const rows = [
    [201, '{"status":{}}', /no status\.allowed/],
    [201, '[]', /expected an object/],
    [201, 'null', /no status\.allowed/],
    [200, '<html>', /JSON/],
    [403, '{"kind":"Status","message":"not for you"}', /^403 not for you$/],
    [502, 'Bad Gateway', /^502 Bad Gateway$/],
  ] as const;
  for (const [status, body, message] of rows) {
    const { client, seen } = server(status, body);
    await assert.rejects(reviewAccess(client, WANTED, signal), (error) => {
      assert.ok(error instanceof ApiError, body);
      assert.match(error.message, message);
      return true;
    });
    assert.equal(seen.closed, 1);
  }
});

test('whether a node has pods is asked for one of them', async () => {
  const { client, seen } = server(200, '{"items":[{}]}');
  assert.equal(await hasPods(client, 'node-1', signal), true);
  assert.deepEqual(
    seen.calls.map(({ method, path }) => `${method} ${path}`),
    ['GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=1'],
  );
  assert.equal(await hasPods(server(200, '{"items":[]}').client, 'node-1', signal), false);
  assert.equal(await hasPods(server(200, '{}').client, 'node-1', signal), false);
  await assert.rejects(hasPods(server(200, '{"items":7}').client, 'node-1', signal), ApiError);
});
