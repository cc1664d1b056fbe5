import type { FlowEvent } from '../../../src/model/flow-event.ts';
import type { NamedEvent } from '../../../src/model/named-event.ts';
import { destroyed, pickup, redis } from './samples.ts';

/** The DESTROY of an entry whose time ran out. Everything is known. */
export function namedEvent(fields: Partial<FlowEvent> = {}, names: Partial<NamedEvent> = {}): NamedEvent {
  const { client, oldBackend } = pickup();
  return {
    event: destroyed(fields),
    client,
    service: redis,
    backend: oldBackend!,
    masqueradedAs: undefined,
    ...names,
  };
}

/** Nothing is known of it but addresses. */
export function strangersEvent(fields: Partial<FlowEvent> = {}): NamedEvent {
  const original = { src: '2001:db8::7', sport: 41_234, dst: '2001:db8::1', dport: 443 };
  const reply = { src: '2001:db8::1', sport: 443, dst: '2001:db8::7', dport: 41_234 };
  const unknown = { namespace: undefined, pod: undefined };
  return namedEvent(
    { type: 'new', original, reply, ...fields },
    {
      client: { ip: original.src, port: original.sport, workload: undefined, ...unknown },
      service: { ...redis, known: false, namespace: '', name: original.dst, ip: original.dst, port: 443 },
      backend: { ip: reply.src, port: reply.sport, node: undefined, ready: undefined, ...unknown },
    },
  );
}
