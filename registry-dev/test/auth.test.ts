import { afterEach, describe, expect, it } from 'vitest';
import { type AccessRule, type AuthOptions, createRegistry, type Registry } from '../src/index.ts';
import { basic, type Call, callerOf, codeOf, digestOf, pushBlob, pushManifest } from './client.ts';

let registry: Registry;
afterEach(() => registry.close());

const USERS = { alice: 'in-wonderland', bob: 'the-builder' };
const ACCESS: readonly AccessRule[] = [
  { repository: 'open/*', actions: ['pull'] },
  { user: 'alice', repository: '*', actions: ['pull', 'push', 'delete'] },
  { user: 'bob', repository: 'open/*', actions: ['push'] },
];

async function start(auth: Partial<AuthOptions> = {}): Promise<void> {
  registry = await createRegistry({ auth: { users: USERS, access: ACCESS, ...auth } });
}

interface TokenAnswer {
  token: string;
  access_token: string;
  expires_in: number;
  refresh_token?: string;
}

async function tokenOf(query: string, headers: Record<string, string> = {}): Promise<TokenAnswer> {
  const answer = await callerOf(registry.url)('GET', `/token?${query}`, { headers });
  expect(answer.status).toBe(200);
  return (await answer.json()) as TokenAnswer;
}

function withToken(token: string): Call {
  return callerOf(registry.url, { authorization: `Bearer ${token}` });
}

describe('basic authentication with rights', () => {
  it('lets each user do what the rules say, and asks the others', async () => {
    await start();
    const [anyone, alice, bob] = [
      callerOf(registry.url),
      callerOf(registry.url, basic('alice', USERS.alice)),
      callerOf(registry.url, basic('bob', USERS.bob)),
    ];
    await pushManifest(alice, 'v1', {}, 'open/one');
    await pushManifest(alice, 'v1', {}, 'closed/one');
    expect((await anyone('GET', '/v2/open/one/manifests/v1')).status).toBe(200);
    const asked = await anyone('GET', '/v2/closed/one/manifests/v1');
    expect([asked.status, asked.headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^Basic /)]);
    const refused = await bob('GET', '/v2/closed/one/manifests/v1');
    expect([refused.status, await codeOf(refused)]).toEqual([403, 'DENIED']);
    await pushBlob(bob, 'from bob', 'open/one');
    expect((await bob('DELETE', '/v2/open/one/manifests/v1')).status).toBe(403);
    expect((await anyone('GET', '/v2/')).status).toBe(401);
    expect((await bob('GET', '/v2/')).status).toBe(200);
  });

  it.each([
    ['a wrong password', basic('alice', 'wrong')],
    ['a name that every object has', basic('constructor', '')],
    ['no Basic credentials', { authorization: 'Basic !' }],
    ['another scheme', { authorization: 'Bearer x' }],
  ])('%s is no anonymous caller', async (_, headers) => {
    await start();
    expect((await callerOf(registry.url, headers)('GET', '/v2/open/one/tags/list')).status).toBe(401);
  });

  it('shows in the catalog what may be pulled', async () => {
    await start();
    const alice = callerOf(registry.url, basic('alice', USERS.alice));
    await pushBlob(alice, 'x', 'open/one');
    await pushBlob(alice, 'x', 'closed/one');
    const bob = callerOf(registry.url, basic('bob', USERS.bob));
    expect(await (await bob('GET', '/v2/_catalog')).json()).toEqual({ repositories: ['open/one'] });
  });
});

describe('bearer tokens', () => {
  it('are asked for with the scope that the request needs', async () => {
    await start({ scheme: 'bearer' });
    const asked = await callerOf(registry.url)('POST', '/v2/closed/one/blobs/uploads/');
    expect(asked.headers.get('www-authenticate')).toBe(
      `Bearer realm="${registry.url}/token",service="${registry.host}",scope="repository:closed/one:pull,push"`,
    );
  });

  it('grant of what is asked what the user may do', async () => {
    await start({ scheme: 'bearer' });
    const all = 'scope=repository:open/one:pull,push,delete&scope=repository:closed/one:pull';
    const bob = withToken((await tokenOf(all, basic('bob', USERS.bob))).token);
    await pushBlob(bob, 'from bob', 'open/one');
    const refused = await bob('GET', '/v2/closed/one/tags/list');
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('error="insufficient_scope"'),
    ]);
    const anyone = withToken((await tokenOf(all)).token);
    expect((await anyone('GET', `/v2/open/one/blobs/${digestOf('from bob')}`)).status).toBe(200);
    expect((await anyone('POST', '/v2/open/one/blobs/uploads/')).status).toBe(401);
  });

  it('are got by OAuth2 and renewed by a refresh token, which is no token itself', async () => {
    await start({ scheme: 'bearer' });
    const call = callerOf(registry.url, { 'content-type': 'application/x-www-form-urlencoded' });
    const scope = 'repository:a/b:pull,push';
    const form = { grant_type: 'password', username: 'alice', password: USERS.alice, access_type: 'offline', scope };
    const answer = await call('POST', '/token', { body: new URLSearchParams(form).toString() });
    const { refresh_token = '' } = (await answer.json()) as TokenAnswer;
    const again = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, scope }).toString();
    const renewed = (await (await call('POST', '/token', { body: again })).json()) as TokenAnswer;
    await pushBlob(withToken(renewed.access_token), 'by a refreshed token');
    const misused = await withToken(refresh_token)('GET', '/v2/a/b/tags/list');
    expect(misused.headers.get('www-authenticate')).toContain('error="invalid_token"');
    const forged = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: renewed.token }).toString();
    expect((await call('POST', '/token', { body: forged })).status).toBe(401);
  });

  it('end, and are good only as they were made', async () => {
    await start({ scheme: 'bearer', tokenSeconds: 0 });
    const { token } = await tokenOf('scope=repository:a/b:pull', basic('alice', USERS.alice));
    expect((await withToken(token)('GET', '/v2/')).status).toBe(401);
    await registry.close();
    await start({ scheme: 'bearer' });
    const good = (await tokenOf('scope=repository:a/b:pull', basic('alice', USERS.alice))).token;
    expect((await withToken(good)('GET', '/v2/')).status).toBe(200);
    const [header, payload = '', seal] = good.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as object;
    const more = Buffer.from(JSON.stringify({ ...claims, sub: 'bob' })).toString('base64url');
    for (const wrong of [`${header}.${more}.${seal}`, `${header}.${payload}.`, 'x', `${good}.x`])
      expect((await withToken(wrong)('GET', '/v2/')).status).toBe(401);
  });

  it('are refused for a wrong password', async () => {
    await start({ scheme: 'bearer' });
    const answer = await callerOf(registry.url, basic('alice', 'wrong'))('GET', '/token');
    expect([answer.status, await codeOf(answer)]).toEqual([401, 'UNAUTHORIZED']);
  });

  it('hold only the first scope where the service is like that', async () => {
    await start({ scheme: 'bearer', onlyFirstScope: true });
    const query = 'scope=repository:a/b:pull,push&scope=repository:c/d:pull';
    const alice = withToken((await tokenOf(query, basic('alice', USERS.alice))).token);
    await pushBlob(alice, 'x');
    expect((await alice('GET', '/v2/c/d/tags/list')).status).toBe(401);
  });

  it('need the right to pull from the source of a mount', async () => {
    await start({ scheme: 'bearer' });
    const own = withToken((await tokenOf('scope=repository:a/b:pull,push', basic('alice', USERS.alice))).token);
    const digest = await pushBlob(own, 'mounted');
    const target = withToken((await tokenOf('scope=repository:c/d:pull,push', basic('alice', USERS.alice))).token);
    const asked = await target('POST', `/v2/c/d/blobs/uploads/?mount=${digest}&from=a/b`);
    expect(asked.headers.get('www-authenticate')).toContain('scope="repository:c/d:pull,push repository:a/b:pull"');
    const bob = withToken((await tokenOf('scope=repository:open/one:push', basic('bob', USERS.bob))).token);
    // Bob cannot get it by any token: an upload begins, as if it were not there.
    for (const from of ['&from=a/b', ''])
      expect((await bob('POST', `/v2/open/one/blobs/uploads/?mount=${digest}${from}`)).status).toBe(202);
  });
});
