export type { AccessRule, AuthOptions, Users } from './access.ts';
export { type Behaviour, BEHAVIOURS, type BehaviourName } from './behaviour.ts';
export type { Action } from './caller.ts';
export { collectGarbage, createRegistry, type Registry, type RegistryOptions } from './create-registry.ts';
export type { FaultKind, FaultMatch, FaultOptions, FaultRule, FaultTarget } from './faults.ts';
export type { GarbageOptions, GarbageReport } from './garbage.ts';
export type { UpstreamOptions } from './upstream.ts';
