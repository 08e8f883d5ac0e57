/** A URL as text for logs and events: without user, password and the values of its query, which may be signatures or tokens. */
export function redact(url: URL): string {
  const names = [...url.searchParams.keys()].map((name) =>
    name === 'digest' || name === 'artifactType' ? `${name}=${url.searchParams.get(name)}` : `${name}=…`,
  );
  return `${url.origin}${url.pathname}${names.length > 0 ? `?${names.join('&')}` : ''}`;
}
