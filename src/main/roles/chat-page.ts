/** The chat page as the settings want it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChatPage, DemoUsers } from '../../adapters/apis/http/chat-page/chat-page.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';

/** Where the build puts the page: `dist/web/chat`. */
const FOLDER = fileURLToPath(new URL('../../../web/chat', import.meta.url));

export interface ChatPageSettings {
  chatPage: 'on' | 'off' | undefined;
  chatPageOidcClientId: string | undefined;
  chatPageOidcParameters: Record<string, string>;
  jwtIssuer: string | undefined;
}

/** Whether the page is served. `byDefault`: if the setting is not set. */
export function hasChatPage({ chatPage }: Pick<ChatPageSettings, 'chatPage'>, byDefault: boolean): boolean {
  const isBuilt = existsSync(join(FOLDER, 'index.html'));
  if (chatPage === 'on' && !isBuilt)
    throw new StartupError([`CHAT_PAGE=on, but the page is not built: ${FOLDER} is missing; npm run build builds it`]);
  return chatPage === undefined ? byDefault && isBuilt : chatPage === 'on';
}

/** Null: the page is not served. */
export function chatPageOf(
  settings: ChatPageSettings,
  context: { hasChatPage?: boolean; demoUsers?: DemoUsers | undefined },
): ChatPage | null {
  if (!hasChatPage(settings, context.hasChatPage ?? false)) return null;
  const { jwtIssuer, chatPageOidcClientId: clientId, chatPageOidcParameters: parameters } = settings;
  if (clientId === undefined) return { folder: FOLDER, oidc: null, demo: context.demoUsers ?? null };
  if (jwtIssuer === undefined || !URL.canParse(jwtIssuer))
    throw new StartupError(['CHAT_PAGE_OIDC_CLIENT_ID needs JWT_ISSUER, the URL of the identity provider']);
  return {
    ...{ folder: FOLDER, demo: context.demoUsers ?? null },
    oidc: { issuer: jwtIssuer, clientId, parameters },
  };
}
