/** The status page of the real agent: a break on the real kernel reaches an open page. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openBrowser, screenshot, skip as skipBrowser, watchPage } from '../support/browser.ts';
import { breakByFlush, createCluster, skip as skipKernel } from '../support/cluster.ts';
import { topologyOf } from '../support/topology-file.ts';

const URL = 'http://127.0.0.1:9470';

describe('status page of the agent', { skip: skipKernel || skipBrowser }, () => {
  test('a flush breaks a connection: the open page shows it, with names and evidence', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const { lab, client, target, node } = cluster;
    const topology = topologyOf(t, lab);
    const agent = await cluster.startAgent(['--topology', topology, '--snapshot-interval', '1s']);
    const { url } = await agent.waitFor(({ event }) => event === 'status_listening');
    assert.equal(url, URL);
    await using browser = await openBrowser(lab.node);
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    const faults = watchPage(page, URL);
    await page.goto(URL);
    await page.getByText(/^None since/).waitFor();

    await client.connect({ ...target, count: 1 });
    await page.locator('#at-risk tbody tr').waitFor();
    await client.closeAll();
    await breakByFlush(cluster, 1);

    await page.locator('#break-1 > summary').click();
    const text = await page.locator('#break-1').textContent();
    assert.match(text ?? '', /shop\/Deployment\/checkout → shop\/redis:6379/);
    assert.match(text ?? '', /a program \(port id \d+\) deleted its conntrack entry/);
    assert.match(text ?? '', /shop\/redis-\S+-a:8080[\s\S]*shop\/redis-\S+-b:8080/);
    assert.equal(await page.locator('#break-1 svg.timeline').isVisible(), true);
    assert.equal(await page.locator('#break-1 tbody tr').count(), 3);
    await screenshot(page, 'agent');
    assert.deepEqual(faults, []);

    const broken = JSON.parse((await node.httpGet({ url: `${URL}/api/v1/broken?limit=5` })).body);
    const line = agent.lines.find(({ event }) => event === 'connection_broken');
    const [{ number, ...connection }] = broken.connections;
    assert.equal(number, 1);
    for (const [key, value] of Object.entries(connection)) assert.deepEqual(line?.[key], value, key);
    assert.equal(await agent.stop(), 0, 'also with a page open');
    await page.locator('#live').getByText('not connected').waitFor();
  });

  test('a Service named <script> in a topology file stays text on the page, in the metrics and in the log', async (t) => {
    const evil = '<script>alert(1)</script>"\\\n';
    const cluster = await createCluster(t, { backends: 2 });
    const { lab, client, target } = cluster;
    const topology = topologyOf(t, lab, (json) =>
      json.replaceAll(/"(?:redis|shop)"/g, () => JSON.stringify(evil)),
    );
    const agent = await cluster.startAgent(['--topology', topology, '--snapshot-interval', '1s']);
    await using browser = await openBrowser(lab.node);
    const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
    const faults = watchPage(page, URL);
    await page.goto(URL);
    await client.connect({ ...target, count: 1 });
    await page.locator('#at-risk tbody tr').waitFor();
    await client.closeAll();
    await breakByFlush(cluster, 1);
    await page.locator('#break-1 > summary').click();
    assert.match((await page.locator('#break-1').textContent()) ?? '', /<script>alert\(1\)<\/script>/);
    assert.match((await page.locator('#at-risk').textContent()) ?? '', /<script>alert\(1\)<\/script>/);
    assert.equal(await page.locator('script').count(), 1, 'the page’s own');
    assert.deepEqual(faults, []);
    await screenshot(page, 'agent-foreign-names');

    const { body } = await agent.get('/metrics');
    const line = body
      .split('\n')
      .find((text) => /^conntrack_watchdog_broken_connections_total\{.* 1$/.test(text));
    const escaped = '<script>alert(1)</script>\\"\\\\\\n';
    assert.ok(line?.includes(`service_name="${escaped}"`), String(line));
    const logged = await agent.waitFor(({ event }) => event === 'connection_broken');
    assert.equal((logged['service'] as { name: string }).name, evil);
    assert.equal(await agent.stop(), 0);
  });

  test('its port is taken: said once, and everything else goes on; off: nothing listens', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const first = await cluster.startAgent();
    await first.waitFor(({ event }) => event === 'status_listening');
    const second = await cluster.startAgent();
    const failed = await second.waitFor(({ event }) => event === 'status_failed');
    assert.match(
      failed.msg,
      /^There is no status page: --status-listen 127\.0\.0\.1:9470: the address is in use\./,
    );
    assert.equal((await second.get('/readyz')).status, 200);
    assert.deepEqual([await first.stop(), await second.stop()], [0, 0]);
    const third = await cluster.startAgent(['--status-listen', 'off']);
    assert.ok(third.lines.every(({ event }) => event !== 'status_listening' && event !== 'status_failed'));
    await assert.rejects(cluster.node.httpGet({ url: URL }));
    assert.equal(await third.stop(), 0);
  });
});
