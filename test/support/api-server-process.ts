/**
 * An API server as a process, to be started inside a namespace: its options are JSON on stdin, the first line says
 * that it listens, each further one is an Event that was made or changed.
 */
import { text } from 'node:stream/consumers';
import type { ApiObject, KindName } from './api-objects.ts';
import { ApiServer } from './api-server.ts';
import type { Certificates } from './certificates.ts';

export interface ApiServerOptions {
  readonly certificates: Certificates;
  readonly port: number;
  /** The resource version it begins with; what happened before is forgotten. */
  readonly version: number;
  readonly objects: Readonly<Partial<Record<KindName, readonly ApiObject[]>>>;
  /** `list services`: not allowed, to anybody. */
  readonly denied?: readonly string[];
}

const options = JSON.parse(await text(process.stdin)) as ApiServerOptions;
const server = new ApiServer(options.certificates, options.version);
for (const [kind, items] of Object.entries(options.objects)) server.load(kind as KindName, { items });
for (const what of options.denied ?? []) server.denied.add(what);
server.compact();
server.events.onChange = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
await server.start(options.port);
process.stdout.write('listening\n');
