/**
 * Puts scopes together (`repository:NAME:pull,push`), actions of one resource in one: some token services honour only the first scope
 * of a request, so the needed one comes first and is whole.
 */
export function mergeScopes(text: string): string[] {
  const actions = new Map<string, Set<string>>();
  for (const scope of text.split(' ').filter(Boolean)) {
    const end = scope.lastIndexOf(':');
    const resource = scope.slice(0, Math.max(end, 0));
    const known = actions.get(resource) ?? new Set<string>();
    for (const action of scope.slice(end + 1).split(',')) known.add(action);
    actions.set(resource, known);
  }
  return [...actions].map(([resource, names]) => `${resource === '' ? '' : `${resource}:`}${[...names].join(',')}`);
}

/** The scopes whose token serves for this one: itself, and for reading also reading and writing. */
export function scopesThatServe(scope: string): string[] {
  return scope.endsWith(':pull') && !scope.includes(' ') ? [scope, `${scope},push`] : [scope];
}
