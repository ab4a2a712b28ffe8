import type { ChatRecord } from '@parley-chat/client/realtime';
import { useState } from 'preact/hooks';
import type { ChatApp } from '../model/chat-app.js';
import { Icon } from './icons.js';
import { NewChat } from './new-chat.js';
import { Avatar, colourOf, initials } from './person.js';
import { shortTimeOf } from './times.js';

export function ChatList({ app, onSignOut }: { app: ChatApp; onSignOut(): void }) {
  const [isCreating, setCreating] = useState(false);
  const me = app.me.value ?? '';
  return (
    <nav class="chats" aria-label="Chats">
      <header class="bar">
        <Avatar app={app} userId={me} name={app.nameOf(me)} />
        <h2>{app.nameOf(me)}</h2>
        <button
          type="button"
          class="plain"
          aria-label="Search all chats"
          title="Search all chats"
          onClick={() => app.toggleSearch(false)}
        >
          <Icon name="search" />
        </button>
        <button type="button" class="plain" aria-label="New chat" title="New chat" onClick={() => setCreating(true)}>
          <Icon name="plus" />
        </button>
        <button type="button" class="plain" aria-label="Sign out" title="Sign out" onClick={onSignOut}>
          <Icon name="leave" />
        </button>
      </header>
      <ul class="chat-list">
        {app.listed.value.map((chat) => (
          <ChatEntry key={chat.chatId} app={app} chat={chat} isCurrent={app.currentId.value === chat.chatId} />
        ))}
      </ul>
      {app.listed.value.length === 0 && app.connection.value.kind === 'live' && (
        <p class="empty">No chats yet. Start one with the button above.</p>
      )}
      {isCreating && <NewChat app={app} onClose={() => setCreating(false)} />}
    </nav>
  );
}

function ChatEntry({ app, chat, isCurrent }: { app: ChatApp; chat: ChatRecord; isCurrent: boolean }) {
  const { chatId, state } = chat;
  const title = app.titleOf(chat);
  const peer = app.peerOf(chat);
  const unread = state?.unreadCount ?? 0;
  const latest = app.latest.value.get(chatId);
  const typing = app.typing.value.get(chatId) ?? [];
  return (
    <li>
      <a
        class={`chat-entry ${unread > 0 ? 'unread' : ''}`}
        href={`#/${chatId}`}
        aria-current={isCurrent ? 'page' : undefined}
        data-chat={chatId}
        // Also when the address is the same already.
        onClick={() => app.select(chatId)}
      >
        {peer === null ? (
          <span class={`avatar group colour-${colourOf(chatId)}`} aria-hidden="true">
            {initials(title)}
          </span>
        ) : (
          <Avatar app={app} userId={peer} name={title} />
        )}
        <span class="title">{title}</span>
        <time class="when">{state === null ? '' : shortTimeOf(state.lastActivityAt)}</time>
        <span class="line">
          <span class="preview">
            {typing.length > 0 ? (
              <em>typing…</em>
            ) : latest === undefined ? (
              'No messages yet'
            ) : (
              <>
                {latest.senderId === app.me.value ? 'You: ' : peer === null ? `${app.nameOf(latest.senderId)}: ` : ''}
                {latest.body ?? 'Message deleted'}
              </>
            )}
          </span>
          {app.mentionedIn.value.has(chatId) && (
            <span class="badge" data-mentioned>
              @<span class="hidden">You are mentioned</span>
            </span>
          )}
          {unread > 0 && (
            <span class="badge" data-unread={unread}>
              {unread > 999 ? '999+' : unread}
              <span class="hidden"> unread</span>
            </span>
          )}
        </span>
      </a>
    </li>
  );
}
