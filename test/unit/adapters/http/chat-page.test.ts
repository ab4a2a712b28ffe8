import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ChatPage } from '../../../../src/adapters/apis/http/chat-page/chat-page.js';
import { scratchFolder } from '../../../support/services/services.js';
import { RestHarness } from './rest-harness.js';

const OIDC = { issuer: 'https://login.example/realm', clientId: 'page', parameters: { scope: 'openid' } };

describe('The chat page', () => {
  let rest: RestHarness | undefined;

  async function serve(page: Partial<ChatPage> | null) {
    const folder = scratchFolder('chat-page');
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Parley</title>');
    writeFileSync(join(folder, 'icon.svg'), '<svg/>');
    writeFileSync(join(folder, 'assets', 'index-a1b2c3.js'), 'export {};');
    rest = new RestHarness({ chatPage: page === null ? null : { folder, oidc: null, demo: null, ...page } });
    await rest.start();
    const { url } = rest;
    return (path: string, init: RequestInit = {}) => fetch(`${url}${path}`, { redirect: 'manual', ...init });
  }

  afterEach(() => rest?.stop());

  it('is not there unless it is switched on', async () => {
    const get = await serve(null);
    for (const path of ['/chat', '/chat/', '/chat/settings']) expect((await get(path)).status, path).to.equal(404);
  });

  it('is served with its files, each with its content type', async () => {
    const get = await serve({});
    for (const [path, type] of [
      ['/chat/', 'text/html'],
      ['/chat/icon.svg', 'image/svg+xml'],
      ['/chat/assets/index-a1b2c3.js', 'text/javascript'],
    ] as const) {
      const response = await get(path);
      expect([response.status, response.headers.get('content-type')?.split(';')[0]], path).to.deep.equal([200, type]);
      expect(response.headers.get('x-content-type-options')).to.equal('nosniff');
    }
    const moved = await get('/chat');
    expect([moved.status, new URL(moved.headers.get('location') ?? '', rest?.url).pathname]).to.deep.equal([
      301,
      '/chat/',
    ]);
  });

  it('serves nothing else', async () => {
    const get = await serve({});
    for (const path of [
      '/chat/nope',
      '/chat/..%2fpackage.json',
      '/chat/assets/',
      '/chat/index.html/x',
      '/chat/demo-token',
    ])
      expect((await get(path)).status, path).to.equal(404);
    expect((await get('/chat/', { method: 'POST' })).status).to.equal(405);
  });

  it('lets browsers keep files whose names change with their content, and revalidate the others', async () => {
    const get = await serve({});
    const cacheOf = async (path: string) => (await get(path)).headers.get('cache-control');
    expect(await cacheOf('/chat/')).to.equal('no-cache');
    expect(await cacheOf('/chat/icon.svg')).to.equal('no-cache');
    expect(await cacheOf('/chat/assets/index-a1b2c3.js')).to.equal('public, max-age=31536000, immutable');
    expect(await cacheOf('/chat/settings')).to.equal('no-store');
    const etag = (await get('/chat/')).headers.get('etag') ?? '';
    expect((await get('/chat/', { headers: { 'if-none-match': etag } })).status).to.equal(304);
  });

  it('has a content security policy without exceptions, which names the issuer', async () => {
    const policyOf = async (get: Awaited<ReturnType<typeof serve>>) =>
      (await get('/chat/')).headers.get('content-security-policy') ?? '';
    const policy = await policyOf(await serve({}));
    expect(policy.split('; ')).to.include.members([
      ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'"],
      ...["frame-ancestors 'none'", "form-action 'none'", "require-trusted-types-for 'script'"],
    ]);
    expect(policy).to.not.match(/unsafe|data:|\*/);
    await rest?.stop();
    expect(await policyOf(await serve({ oidc: OIDC }))).to.include("connect-src 'self' https://login.example;");
  });

  it('learns from the server how users sign in', async () => {
    const get = await serve({ oidc: OIDC });
    expect(await (await get('/chat/settings')).json()).to.deep.equal({ oidc: OIDC, demoUsers: [] });
  });

  it('gets tokens of the demo users only, and only the page itself does', async () => {
    const get = await serve({ demo: { userIds: ['alice'], signIn: async (userId) => `token of ${userId}` } });
    const ask = (userId: unknown, headers: Record<string, string> = {}) =>
      get('/chat/demo-token', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ userId }),
      });
    const given = await ask('alice', { origin: rest?.url ?? '' });
    expect([given.status, await given.json(), given.headers.get('cache-control')]).to.deep.equal([
      200,
      { token: 'token of alice' },
      'no-store',
    ]);
    for (const userId of ['mallory', ['alice'], null, undefined])
      expect((await ask(userId)).status, String(userId)).to.equal(404);
    for (const headers of [{ origin: 'https://evil.example' }, { 'content-type': 'text/plain' }])
      expect((await ask('alice', headers)).status, JSON.stringify(headers)).to.equal(404);
  });
});
