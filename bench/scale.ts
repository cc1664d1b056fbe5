import { createLab, type Lab } from '../src/lab/lab.ts';
import { type Peer, startPeer } from '../src/lab/peer.ts';
import { type BuiltProgram, buildProgram } from './built-program.ts';
import type { ClusterSize } from './changing-cluster.ts';
import { startInformer } from './informer.ts';
import { judge } from './requirements.ts';
import { type Life, type Load, live, startNamedAgent } from './scale-life.ts';
import { measureScalePauses } from './scale-pauses.ts';
import { type ScaleSamples, scaleRows } from './scale-rows.ts';
import type { Comparison, Progress, Section } from './section.ts';
import type { Settings } from './settings.ts';
import { median } from './statistics.ts';
import { count } from './text-table.ts';

const FEW_SERVICES = 30;
const ENDPOINTS_PER_SERVICE = 10;
const PODS = 30;
/** As many pods as a kubelet takes by default. */
const MANY_PODS = 110;
/** Changes a second. */
const RATE = 50;
/** Of the kernel's kB, which have 1024 bytes. */
const KB_PER_MB = 1000;

/** (g) What names of a cluster cost, by its size, and what they cost its API server. */
export const measureScale: Comparison = async ({ scale }, progress) => {
  const built = buildProgram();
  const lab = await createLab({ family: 4, rules: 'iptables', backends: 1 });
  try {
    const scraper = await startPeer(lab.node);
    return section(scale, await measure(lab, scraper, built, scale, progress));
  } finally {
    await lab.close();
    built.remove();
  }
};

async function measure(
  lab: Lab,
  scraper: Peer,
  built: BuiltProgram,
  { services, manyServices, warmUpChanges, changes, idleSeconds, rounds }: Settings['scale'],
  progress: Progress,
): Promise<ScaleSamples> {
  const load: Load = { rate: RATE, warmUpChanges, changes, idleSeconds };
  const [few, middle, many] = [
    clusterOf(FEW_SERVICES, PODS),
    clusterOf(services, PODS),
    clusterOf(manyServices, MANY_PODS),
  ];
  const agents = { few: [] as Life[], middle: [] as Life[], many: [] as Life[] };
  const { program } = built;
  for (let round = 1; round <= rounds; round++) {
    for (const [lives, size] of [
      [agents.few, few],
      [agents.middle, middle],
      [agents.many, many],
    ] as const) {
      progress(`agent ${round} of ${rounds} with ${count(size.services)} Services`);
      const start = (kubeconfig: string) => startNamedAgent({ lab, scraper, program, kubeconfig });
      lives.push(await live(lab, size, load, start));
    }
  }
  const informer = (size: ClusterSize) => {
    progress(`informer with ${count(size.services)} Services`);
    return live(lab, size, load, (kubeconfig) => startInformer(lab, kubeconfig));
  };
  const informers = { few: await informer(few), many: await informer(many) };
  progress(`pauses with ${count(many.services)} Services`);
  const pauses = await measureScalePauses(lab, scraper, built, many, load);
  return { ...agents, informer: informers, pauses };
}

function clusterOf(services: number, pods: number): ClusterSize {
  return { services, endpointsPerService: ENDPOINTS_PER_SERVICE, pods };
}

function section(settings: Settings['scale'], samples: ScaleSamples): Section {
  const { few, middle, many, pauses } = samples;
  const changeCpu = (lives: readonly Life[]) => median(lives.map(({ changesCpuMs }) => changesCpuMs));
  const growth = changeCpu(many) / changeCpu(middle);
  const mostKiB = (lives: readonly Life[], figure: (life: Life) => number) => Math.max(...lives.map(figure));
  return {
    id: 'g',
    title: `Names of a cluster: the bundled agent beside an API server's stand-in, medians of ${few.length}`,
    rows: scaleRows(samples, RATE),
    notes: [
      `${settings.warmUpChanges} changes first, then ${count(settings.changes)} at ${RATE} a second: 92% EndpointSlices (pods are replaced one by one: a new`,
      `endpoint, ready, an old one terminates, is gone), 4% Services, 4% pods of this node. Bytes are those of TLS, as`,
      `the stand-in sent them. The informer is the client library's, not bundled, with the same selectors.`,
      `Longest work in one turn of the event loop, by a probe in another agent: ${pauses.sync.longestWorkMs.toFixed(0)} ms while it lists,`,
      `${pauses.changes.longestWorkMs.toFixed(0)} ms while it watches. CPU of a change with ${count(settings.manyServices)} Services / ${count(settings.services)}: ${growth.toFixed(2)}.`,
    ],
    verdicts: [
      judge('namesMemory', mostKiB(few, ({ syncedKiB }) => syncedKiB) / KB_PER_MB),
      judge('scaleMemory', mostKiB(many, (life) => Math.max(life.syncedKiB, life.changedKiB)) / KB_PER_MB),
      judge('changeGrowth', growth),
      judge('scalePause', Math.max(pauses.sync.longestWorkMs, pauses.changes.longestWorkMs)),
    ],
    data: { samples, growth },
  };
}
