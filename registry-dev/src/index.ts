export type { Users } from './authentication.ts';
export { createRegistry, type Registry, type RegistryOptions } from './create-registry.ts';
