import { type AttachRequest, refuse } from './attach-request.ts';

/**
 * The map that a program is attached to, by the name or the pin that are given, else the only one of some types.
 *
 * @throws {KernelError} where there is none, or nobody says which.
 */
export function withMap<T>(
  { bpf, maps, options, program }: AttachRequest,
  types: readonly string[] | undefined,
  action: (fd: number, name: string) => T,
): T {
  const { mapName, mapPin } = options;
  if (mapPin !== undefined) return bpf.withPinned(mapPin, (fd) => action(fd, mapName ?? mapPin));
  const fitting = maps.filter(({ name, type }) => (mapName === undefined ? types?.includes(type) : name === mapName));
  const [map, other] = fitting;
  if (map !== undefined && other === undefined) return action(map.fd, map.name);
  const kinds = types?.join(' or ') ?? 'any';
  if (mapName !== undefined) throw refuse(`there is no map "${mapName}" for program "${program}"`, namesOf(maps));
  throw refuse(
    map === undefined
      ? `program "${program}" needs a map of type ${kinds}, and the service has none`
      : `program "${program}" needs the name of a map: there are ${fitting.map(({ name }) => name).join(', ')}`,
    'Name the map that it is for.',
  );
}

function namesOf(maps: AttachRequest['maps']): string {
  return maps.length === 0 ? 'The service has no maps.' : `There are: ${maps.map(({ name }) => name).join(', ')}`;
}
