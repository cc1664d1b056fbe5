/** `tail` under load and with readers of all kinds: what is lost is told in its place, and nobody is waited for. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { NODE_OPTIONS, PROGRAM } from '../../src/lab/agent-process.ts';
import { exec, spawnIn } from '../../src/lab/namespace.ts';
import { createCluster, skip } from '../support/cluster.ts';
import { insertEntries } from '../support/insert-entries.ts';
import { eventSocket, startTail, TIMEOUT_MS, untilTrue } from '../support/tail-process.ts';
import { startTerminal } from '../support/terminal.ts';

/** Datagrams that are read in one lot. */
const LOT = 64;

interface Line {
  readonly event: string;
  readonly lost?: number;
  readonly skipped?: number;
  readonly original?: { readonly sport: number };
}

const parse = (text: string): Line[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

const sum = (numbers: readonly (number | undefined)[]) => numbers.reduce<number>((a, b) => a + (b ?? 0), 0);

/** A shell that runs `tail` with these options as a part of a pipeline, and says on its stderr how tail ended. */
const pipeline = (options: string, reader: string) =>
  `{ ${process.execPath} ${NODE_OPTIONS.join(' ')} ${PROGRAM} tail ${options}; echo "status $?" >&2; } | ${reader}`;

describe('tail and its readers', { skip }, () => {
  test('an overflow: the number is the kernel’s, and each loss stands where the ports have their hole', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const tail = await startTail(lab.node, [
      '--all',
      '--json',
      '--receive-buffer',
      '64Ki',
      '--client',
      '10.244.1.2',
    ]);
    const pid = tail.child.pid!;
    // Stopped, it can read nothing: the queue overflows for certain.
    const flood = async (count: number) => {
      tail.child.kill('SIGSTOP');
      await insertEntries(lab, count);
      tail.child.kill('SIGCONT');
      await untilTrue(
        () => eventSocket(pid)?.queuedBytes === 0,
        () => 'the queue is not read',
      );
    };
    await flood(1000);
    await exec(lab.node, 'conntrack', ['-F']);
    await flood(2000);
    await untilTrue(
      () => sum(parse(tail.stdout()).map(({ lost }) => lost)) === eventSocket(pid)?.drops,
      () => `told of ${sum(parse(tail.stdout()).map(({ lost }) => lost))} of ${eventSocket(pid)?.drops}`,
    );
    const drops = eventSocket(pid)!.drops;
    assert.ok(drops > 1500, `${drops} drops`);
    assert.deepEqual(await tail.stop(), { code: 0, signal: null });
    const lines = parse(tail.stdout());
    const shown = lines.filter(({ event }) => event === 'new' || event === 'destroy').length;
    assert.equal(shown + drops, 1000 + 1000 + 2000);
    assert.equal(
      tail.stderr(),
      `conntrack-watchdog: ${shown} events shown, ${drops} lost, 0 broken connections\n`,
    );
    checkPlaces(lines);
  });

  test('20,000 events of a flood with the usual buffer: none is lost', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const tail = await startTail(lab.node, ['--all']);
    await insertEntries(lab, 20_000);
    const events = () => tail.stdout().match(/^\S+ +\[NEW\] tcp ESTABLISHED /gm)?.length;
    await untilTrue(
      () => events() === 20_000,
      () => `${events()} of 20000 events`,
    );
    assert.equal(eventSocket(tail.child.pid!)!.drops, 0);
    assert.equal((await tail.stop()).code, 0);
    assert.doesNotMatch(tail.stdout(), /^-- /m);
  });

  test('a reader who goes away ends it: status 0, and not a word', async (t) => {
    const { lab, client, target } = await createCluster(t, { backends: 1 });
    const child = spawnIn(lab.node, 'sh', ['-c', pipeline('--all', 'head -3')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr] = [collect(child.stdout!), collect(child.stderr!)];
    const ended = once(child, 'close');
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    // What is made before it listens it cannot hear of.
    while (stdout().split('\n').length < 4) await client.churn({ ...target, count: 5 });
    // From here on nothing happens that it could write.
    await ended;
    clearTimeout(timer);
    assert.equal(stdout().split('\n').length, 4);
    assert.equal(stderr(), 'status 0\n');
  });

  test('a reader who goes away while there is nothing to write ends it as well', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const child = spawnIn(lab.node, 'sh', ['-c', pipeline('--cause ipvs', 'true')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const stderr = collect(child.stderr!);
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    await once(child, 'close');
    clearTimeout(timer);
    assert.equal(stderr(), 'status 0\n');
  });

  test('a reader who pauses: the kernel’s queue is read, what is beyond the bound is counted, memory is bounded', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const tail = await startTail(lab.node, ['--all', '--json'], true);
    const pid = tail.child.pid!;
    const rounds = 4;
    for (let round = 0; round < rounds; round++) {
      await insertEntries(lab, 20_000);
      await lab.flush();
    }
    await untilTrue(
      () => eventSocket(pid)?.queuedBytes === 0,
      () => 'the queue is not read while nobody reads the output',
    );
    assert.equal(eventSocket(pid)!.drops, 0);
    const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
    assert.ok(resident < 180, `${resident} MiB`);
    let text = '';
    tail.child.stdout!.on('data', (more: string) => {
      text += more;
    });
    // What is beyond the bound is told with the next line.
    await untilTrue(
      () => parse(wholeLines(text)).length > 20_000,
      () => `only ${parse(wholeLines(text)).length} lines`,
    );
    await insertEntries(lab, 1);
    await untilTrue(
      () => text.includes('events_skipped'),
      () => 'nothing is told to be left out',
    );
    assert.equal((await tail.stop()).code, 0);
    const lines = parse(wholeLines(text));
    const shown = lines.filter(({ event }) => event === 'new' || event === 'destroy').length;
    const skipped = sum(lines.map((line) => line.skipped));
    assert.ok(skipped > 0);
    assert.equal(shown + skipped, rounds * 40_000 + 1);
    assert.match(tail.stderr(), / \d+ not shown because the output was not read fast enough/);
  });

  test('Ctrl-C while nobody reads: ends within seconds, status 0', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const tail = await startTail(lab.node, ['--all', '--json'], true);
    await insertEntries(lab, 20_000);
    await untilTrue(
      () => eventSocket(tail.child.pid!)?.queuedBytes === 0,
      () => 'the queue is not read',
    );
    const begun = performance.now();
    const exited = once(tail.child, 'exit');
    tail.child.kill('SIGINT');
    assert.deepEqual(await exited, [0, null]);
    assert.ok(performance.now() - begun < 5000, `${performance.now() - begun} ms`);
    assert.match(
      tail.stderr(),
      / shown, 0 lost.*; the last lines were not written, because nobody read them\n$/,
    );
  });

  test('Ctrl-S on a terminal: goes on reading the kernel’s queue; Ctrl-Q: shows all; Ctrl-C: ends it', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const command = `exec ${process.execPath} ${NODE_OPTIONS.join(' ')} ${PROGRAM} tail --all --no-color`;
    const terminal = startTerminal(lab.node, command);
    await terminal.listening;
    terminal.type('\x13');
    // The key has to come through script(1) first: what is shown in full was before it.
    let client = 2;
    const last = () => `10.244.1.${client}:6999 `;
    do {
      client++;
      await insertEntries(lab, 5000, `10.244.1.${client}`);
      await untilTrue(
        () => eventSocket(terminal.pid())?.queuedBytes === 0,
        () => 'the queue is not read while the terminal is paused',
      );
    } while (terminal.text().includes(last()) && client < 10);
    assert.ok(!terminal.text().includes(last()), 'it is not paused');
    terminal.type('\x11');
    await terminal.untilText(last());
    assert.equal(terminal.text().split(`10.244.1.${client}:`).length - 1, 5000);
    terminal.type('\x03');
    assert.equal(await terminal.ended, 0);
    assert.match(terminal.text(), /\d+ events shown, 0 lost, 0 broken connections\r\n$/);
  });

  test('SIGINT: its sockets are gone', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const tail = await startTail(lab.node, []);
    assert.deepEqual(await tail.stop(), { code: 0, signal: null });
    const sockets = await exec(lab.node, 'cat', ['/proc/net/netlink']);
    assert.deepEqual(
      sockets.split('\n').filter((row) => /^\S+\s+12\s+[1-9]/.test(row)),
      [],
    );
  });
});

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  return () => text;
}

function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1);
}

/** Entries are inserted with one port after another, so the holes in the ports are what is missing. */
function checkPlaces(lines: readonly Line[]): void {
  let missing = 0;
  let told = 0;
  let since = 0;
  let last = 1999;
  for (const { event, lost, original } of lines) {
    if (event === 'events_lost') told += lost!;
    if (event === 'new') {
      const port = original!.sport;
      // The second flood begins anew; what is missing at the end of the first is only known from the sums.
      if (port <= last) [missing, told, since, last] = [0, 0, 0, 1999];
      missing += port - last - 1;
      last = port;
      since++;
    }
    if (told === missing) since = 0;
    assert.ok(since <= LOT, `at port ${last}: ${missing} missing, ${told} told`);
  }
}
