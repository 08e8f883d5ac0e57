/**
 * Puts scopes together (`repository:NAME:pull,push`), actions of one resource in one: some token services honour only the first scope
 * of a request, so the needed one comes first and is whole.
 */
export function mergeScopes(text: string): string[] {
  return [...actionsOf(text)].map(
    ([resource, names]) => `${resource === '' ? '' : `${resource}:`}${[...names].join(',')}`,
  );
}

/** Whether a token of the scopes `has` serves for the scopes `wanted`. */
export function covers(has: string, wanted: string): boolean {
  const granted = actionsOf(has);
  return [...actionsOf(wanted)].every(([resource, names]) =>
    [...names].every((name) => granted.get(resource)?.has(name) ?? false),
  );
}

function actionsOf(text: string): Map<string, Set<string>> {
  const actions = new Map<string, Set<string>>();
  for (const scope of text.split(' ').filter(Boolean)) {
    const end = scope.lastIndexOf(':');
    const resource = scope.slice(0, Math.max(end, 0));
    const known = actions.get(resource) ?? new Set<string>();
    for (const action of scope.slice(end + 1).split(',')) known.add(action);
    actions.set(resource, known);
  }
  return actions;
}
