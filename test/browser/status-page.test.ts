/** The status page in a real browser: on a desk and on a phone, light and dark, with and without its script. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { openBrowser, screenshot, skip, watchPage } from '../support/browser.ts';
import { type StatusContent, serveContent } from '../support/status-source.ts';
import { ipvsFlow, protectedWorkload, slowFlow, strangersFlow } from '../unit/report/at-risk-samples.ts';
import { NOON_MS, pickup } from '../unit/report/samples.ts';

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1200, height: 900 };

const content = (): StatusContent => ({
  node: 'node-1',
  reasons: [],
  pickups: [
    pickup({ idleSeconds: 432_000, cause: 'timeout' }),
    pickup({ pickedUpAtMs: NOON_MS + 60_000, verdict: 'stalled', verdictAfterMs: 2000 }),
    pickup({ pickedUpAtMs: NOON_MS + 90_000, mapping: 'none', cause: 'ipvs', idleSeconds: 905 }),
  ],
  atRisk: [ipvsFlow(), slowFlow(), strangersFlow()],
});

/** As an agent with --protect renew has it. */
const protecting = (): StatusContent => ({
  ...content(),
  atRisk: [
    { ...ipvsFlow(), unprotected: 'ipvs' },
    slowFlow({ unprotected: 'max_idle' }),
    { ...strangersFlow(), unprotected: 'client_unseen' },
  ],
  protection: [
    protectedWorkload({ connections: 41 }),
    protectedWorkload({
      client: { namespace: 'batch', workload: 'CronJob/nightly-report' },
      connections: 12,
    }),
    protectedWorkload({ client: { namespace: undefined, workload: 'Node/node-1' }, connections: 1 }),
  ],
});

/** No column is wider than the screen, so that nobody has to scroll sideways to read a sentence. */
const fits = (page: Page) =>
  page.evaluate<boolean>('document.documentElement.scrollWidth <= document.documentElement.clientWidth');

/** Words of a time line that lie on one another or are cut. A text, as it runs in the page. */
const BAD_WORDS = `[...document.querySelectorAll('svg.timeline')].flatMap((svg) => {
  const words = [...svg.querySelectorAll('text')].filter((text) => text.textContent !== '');
  const boxes = words.map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
  const frame = svg.getBoundingClientRect();
  const touch = ({ box: a }, { box: b }) =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
  return boxes.flatMap((a, i) => [
    ...boxes.slice(i + 1).filter((b) => touch(a, b)).map((b) => a.text + ' / ' + b.text),
    ...(a.box.left < frame.left - 1 || a.box.right > frame.right + 1 ? [a.text + ' is cut'] : []),
  ]);
})`;

describe('status page', { skip }, () => {
  const looks: readonly (readonly [name: string, options: BrowserContextOptions])[] = [
    ['desk-light', { viewport: DESK, colorScheme: 'light' }],
    ['desk-dark', { viewport: DESK, colorScheme: 'dark' }],
    ['phone-light', { viewport: PHONE, colorScheme: 'light' }],
    ['phone-dark', { viewport: PHONE, colorScheme: 'dark' }],
  ];
  test('each break opens into its time line and evidence; light and dark, desk and phone', async () => {
    await using server = await serveContent(content());
    await using browser = await openBrowser();
    const grounds: string[] = [];
    for (const [name, options] of looks) {
      const page = await browser.newPage(options);
      const faults = watchPage(page, server.url);
      await page.goto(server.url);
      const first = page.locator('details.break').first();
      assert.equal(await first.locator('svg').isVisible(), false);
      await first.locator('summary').click();
      await first.locator('svg.timeline').waitFor();
      assert.ok(await first.getByText('not translated to any backend').isVisible());
      assert.equal(await first.locator('table tbody tr').count(), 3);
      assert.ok(await fits(page), `${name} is too wide`);
      grounds.push(await page.evaluate<string>('getComputedStyle(document.body).backgroundColor'));
      await page.locator('#live').getByText('live').waitFor();
      await screenshot(page, name);
      assert.deepEqual(faults, [], name);
      await page.close();
    }
    assert.equal(new Set(grounds).size, 2, `light and dark differ: ${grounds}`);
  });

  test('what is protected, and why the rest is not; light and dark, desk and phone, without a script too', async () => {
    await using server = await serveContent(protecting());
    await using browser = await openBrowser();
    for (const [name, options] of [
      ...looks,
      ['phone-without-script', { viewport: PHONE, javaScriptEnabled: false }] as const,
    ]) {
      const page = await browser.newPage(options);
      const faults = watchPage(page, server.url);
      await page.goto(server.url);
      assert.ok(await page.locator('#state').getByText('54 protected').isVisible());
      const rows = page.locator('#protected tbody tr');
      assert.equal(await rows.count(), 3);
      assert.match(
        (await rows.first().textContent()) ?? '',
        /41\s*shop\/Deployment\/checkout\s*shop\/redis:6379/,
      );
      assert.ok(await page.getByText("Not protected, as its client's socket").isVisible());
      assert.ok(await page.getByText('renew, idle for at most 7 d').isVisible());
      assert.ok(await fits(page), `${name} is too wide`);
      await screenshot(page, `protected-${name}`);
      assert.deepEqual(faults, [], name);
      await page.close();
    }
  });

  test('an agent that comes back with protection: the open page shows it', async () => {
    const now = { ...protecting(), protection: undefined as StatusContent['protection'] };
    await using server = await serveContent(now);
    await using browser = await openBrowser();
    const page = await browser.newPage({ viewport: DESK });
    const faults = watchPage(page, server.url);
    await page.goto(server.url);
    await page.locator('#live').getByText('live').waitFor();
    assert.equal(await page.locator('#protected h2').count(), 0);
    now.protection = protecting().protection;
    server.announce();
    await page.locator('#protected tbody tr').first().waitFor();
    await page.locator('#state').getByText('54 protected').waitFor();
    assert.deepEqual(faults, []);
  });

  test('the words of a time line do not lie on one another, on a phone neither', async () => {
    await using server = await serveContent(content());
    await using browser = await openBrowser();
    const page = await browser.newPage({ viewport: PHONE });
    await page.goto(server.url);
    for (const summary of await page.locator('details.break > summary').all()) await summary.click();
    assert.deepEqual(await page.evaluate(BAD_WORDS), []);
  });

  test('without its script the main facts are there, and each break still opens', async () => {
    await using server = await serveContent(content());
    await using browser = await openBrowser();
    const page = await browser.newPage({ javaScriptEnabled: false, viewport: PHONE });
    await page.goto(server.url);
    assert.equal(await page.locator('details.break').count(), 3);
    await page.locator('summary').first().click();
    assert.ok(await page.locator('svg.timeline').first().isVisible());
    assert.ok(await page.getByText('shop/Deployment/checkout → shop/redis:6379').first().isVisible());
    assert.equal(await page.locator('#at-risk tbody tr').count(), 3);
    assert.equal(await page.locator('#live').isVisible(), false);
    await screenshot(page, 'phone-without-script');
  });

  test('a new break comes by itself, and what is open stays open', async () => {
    await using server = await serveContent(content());
    await using browser = await openBrowser();
    const page = await browser.newPage({ viewport: DESK });
    const faults = watchPage(page, server.url);
    await page.goto(server.url);
    await page.locator('#live').getByText('live').waitFor();
    await page.locator('#break-2 > summary').click();
    server.add(pickup({ pickedUpAtMs: NOON_MS + 120_000 }));
    await page.locator('#break-4').waitFor();
    assert.equal(await page.locator('details.break').first().getAttribute('id'), 'break-4');
    assert.equal(await page.locator('#state').getByText('4 broken').count(), 1);
    assert.deepEqual(await page.locator('details[open]').evaluateAll((all) => all.map(({ id }) => id)), [
      'break-2',
    ]);
    assert.match(await page.title(), /^4 broken on node-1/);
    assert.deepEqual(faults, []);
    await server.close();
    await page.locator('#live').getByText('not connected').waitFor();
  });

  test('a flood takes nothing away from a reader: what is open stays, with the focus, where it was', async () => {
    await using server = await serveContent(content());
    await using browser = await openBrowser();
    const page = await browser.newPage({ viewport: PHONE });
    await page.goto(server.url);
    await page.locator('#live').getByText('live').waitFor();
    const first = page.locator('#break-1 > summary');
    await first.click();
    await first.focus();
    const top = async () => (await first.boundingBox())!.y;
    const before = await top();
    for (let i = 0; i < 60; i++) server.add(pickup({ pickedUpAtMs: NOON_MS + 200_000 + i }));
    await page.locator('#break-63').waitFor({ state: 'attached' });
    assert.equal(await page.locator('details.break').count(), 51, 'the newest 50, and the one that is open');
    assert.equal(await page.locator('#break-1 svg.timeline').isVisible(), true);
    assert.equal(await page.evaluate('document.activeElement.parentElement.id'), 'break-1');
    assert.ok(Math.abs((await top()) - before) < 2, `moved from ${before} to ${await top()}`);
    const numbers = await page.locator('details.break').evaluateAll((all) => all.map(({ id }) => id));
    assert.deepEqual(numbers.slice(0, 3), ['break-63', 'break-62', 'break-61']);
  });

  test('a page too many is refused the stream, and tries again later', async () => {
    await using server = await serveContent(content());
    const readers = await Promise.all(Array.from({ length: 16 }, () => fetch(`${server.url}/api/v1/stream`)));
    await using browser = await openBrowser();
    const page = await browser.newPage({ viewport: DESK });
    await page.clock.install();
    await page.goto(server.url);
    await page
      .locator('#live')
      .getByText(/^not connected, as of \d\d:/)
      .waitFor();
    for (const reader of readers) await reader.body?.cancel();
    await page.clock.fastForward(30_000);
    await page.locator('#live').getByText('live').waitFor();
    server.add(pickup({ pickedUpAtMs: NOON_MS + 120_000 }));
    await page.locator('#break-4').waitFor();
  });

  test('names from the cluster are text: no script of theirs runs, no element of theirs appears', async () => {
    const evil = `<script>alert(1)</script><img src=x onerror=alert(2)>"'`;
    const { client, service } = pickup();
    const names = {
      client: { ...client, namespace: evil, pod: evil, workload: evil },
      service: { ...service, namespace: evil, name: evil },
    };
    await using server = await serveContent({
      node: evil,
      reasons: [evil],
      pickups: [pickup({ ...names, oldBackend: { ...pickup().oldBackend!, pod: evil, node: evil } })],
      atRisk: [slowFlow({ ...names, unprotected: 'half_closed' })],
      protection: [protectedWorkload({ service: names.service, client: names.client })],
    });
    await using browser = await openBrowser();
    const page = await browser.newPage({ viewport: PHONE });
    const faults = watchPage(page, server.url);
    await page.goto(server.url);
    await page.locator('summary').first().click();
    await page.locator('#live').getByText('live').waitFor();
    assert.deepEqual([await page.locator('script').count(), await page.locator('img').count()], [1, 0]);
    assert.equal(await page.locator('h1').textContent(), evil);
    assert.ok(await fits(page));
    assert.deepEqual(faults, []);
    await screenshot(page, 'phone-foreign-names');
  });
});
