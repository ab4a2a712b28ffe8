import type { ConnectionState } from '@parley-chat/client/realtime';
import { useEffect } from 'preact/hooks';
import type { ChatApp, Notice } from '../model/chat-app.js';
import { ChatList } from './chat-list.js';
import { Conversation } from './conversation.js';
import { Icon } from './icons.js';
import { SidePanel } from './side-panel.js';

export function AppView({ app, onSignOut }: { app: ChatApp; onSignOut(): void }) {
  const { value: chat } = app.current;
  const { value: unread } = app.unread;
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Parley` : 'Parley';
  }, [unread]);
  if (app.me.value === null) return <Connecting state={app.connection.value} onSignOut={onSignOut} />;
  return (
    <main class={`app ${chat === null ? '' : 'in-chat'} ${app.panel.value === null ? '' : 'with-panel'}`}>
      <h1 class="hidden">Parley</h1>
      <ConnectionLine app={app} />
      <ChatList app={app} onSignOut={onSignOut} />
      {chat === null ? (
        <section class="conversation nothing" aria-label="Conversation">
          <p>Choose a chat, or start a new one.</p>
        </section>
      ) : (
        <Conversation app={app} chat={chat} />
      )}
      <SidePanel app={app} />
      <Notices app={app} />
      <p class="hidden" role="log" aria-live="polite">
        {app.announced.value}
      </p>
    </main>
  );
}

function Connecting({ state, onSignOut }: { state: ConnectionState; onSignOut(): void }) {
  return (
    <main class="sign-in">
      <div class="card">
        <img src="./icon.svg" alt="" width="56" height="56" />
        <h1>Parley</h1>
        <p role="status">{describe(state, true) ?? 'Connecting…'}</p>
        <button type="button" onClick={onSignOut}>
          Sign in as somebody else
        </button>
      </div>
    </main>
  );
}

function ConnectionLine({ app }: { app: ChatApp }) {
  const text = describe(app.connection.value, app.isOnline.value);
  const waiting = app.outbox.items.value.filter(({ failure }) => failure === undefined).length;
  const rest = waiting > 0 ? ` ${waiting} ${waiting === 1 ? 'message waits' : 'messages wait'} to be sent.` : '';
  return (
    <p class="connection" role="status" data-connection={app.connection.value.kind} hidden={text === null}>
      {text === null ? '' : `${text}${rest}`}
    </p>
  );
}

const SIGN_IN_ENDED: ReadonlySet<string> = new Set(['token_refused', 'token_unavailable']);

/** Null: all is well. */
function describe(state: ConnectionState, isOnline: boolean): string | null {
  switch (state.kind) {
    case 'live':
      return null;
    case 'syncing':
      return 'Fetching messages…';
    case 'connecting':
      return state.failures === 0 ? 'Connecting…' : 'Connecting again…';
    case 'waiting':
      if (isOnline && SIGN_IN_ENDED.has(state.cause.code))
        return 'Your sign-in has ended. Sign out, then sign in again.';
      return isOnline ? 'No connection. Trying again…' : 'You are offline.';
    case 'ended':
      return `Signed out: ${state.cause.message}. Sign in again.`;
  }
}

function Notices({ app }: { app: ChatApp }) {
  return (
    <section class="notices" aria-label="Notices">
      {app.notices.value.map((notice) => (
        <NoticeView key={notice.id} app={app} notice={notice} />
      ))}
    </section>
  );
}

function NoticeView({ app, notice }: { app: ChatApp; notice: Notice }) {
  const { id, kind, title, detail, decisionId, explanation } = notice;
  return (
    <div class={`notice ${kind}`} role={kind === 'refused' ? 'alert' : 'status'}>
      <div>
        <strong>{title}</strong>
        {detail !== '' && <p>{detail}</p>}
        {explanation.map((sentence) => (
          <p key={sentence} class="faint">
            {sentence}
          </p>
        ))}
        {decisionId !== null && explanation.length === 0 && (
          <button type="button" class="link" onClick={() => void app.explain(notice)}>
            Why?
          </button>
        )}
      </div>
      <button type="button" class="plain" aria-label="Dismiss" onClick={() => app.dismiss(id)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
