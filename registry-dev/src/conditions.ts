/** Whether an `If-None-Match` header names an entity tag (RFC 9110, 13.1.2): one of a list, weak or strong, or `*`. */
export function matchesEntityTag(header: string | undefined, entityTag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => {
    const tag = part.trim();
    return tag === '*' || tag === entityTag || tag === `W/${entityTag}`;
  });
}
