import type { ChatRecord } from '@parley-chat/client/realtime';
import type { ChatApp } from '../model/chat-app.js';
import { Composer } from './composer.js';
import { Icon } from './icons.js';
import { MessageList } from './message-list.js';
import { Avatar, colourOf, initials } from './person.js';
import { shortTimeOf } from './times.js';

export function Conversation({ app, chat }: { app: ChatApp; chat: ChatRecord }) {
  const peer = app.peerOf(chat);
  const title = app.titleOf(chat);
  return (
    <section class="conversation" aria-label="Conversation">
      <header class="bar">
        <button type="button" class="plain back" aria-label="Back to the chats" onClick={() => app.select(null)}>
          <Icon name="back" />
        </button>
        {peer === null ? (
          <span class={`avatar group colour-${colourOf(chat.chatId)}`} aria-hidden="true">
            {initials(title)}
          </span>
        ) : (
          <Avatar app={app} userId={peer} name={title} />
        )}
        <div class="titles">
          <h2>{title}</h2>
          <p class="faint">{peer === null ? membersLine(chat) : presenceLine(app, peer)}</p>
        </div>
        <button
          type="button"
          class="plain"
          aria-label="Search in this chat"
          title="Search in this chat"
          onClick={() => app.toggleSearch(true)}
        >
          <Icon name="search" />
        </button>
        {peer === null && (
          <button
            type="button"
            class="plain"
            aria-label="Members"
            title="Members"
            onClick={() => {
              const { chatId } = chat;
              app.panel.value = app.panel.value?.kind === 'members' ? null : { kind: 'members', chatId };
            }}
          >
            <Icon name="members" />
          </button>
        )}
      </header>
      <MessageList key={chat.chatId} app={app} chat={chat} />
      <Typing app={app} chatId={chat.chatId} />
      <Composer app={app} chat={chat} />
    </section>
  );
}

function membersLine({ state }: ChatRecord): string {
  const count = state?.memberCount ?? 0;
  return `${count} ${count === 1 ? 'member' : 'members'}${state?.archived === true ? ', archived' : ''}`;
}

function presenceLine(app: ChatApp, userId: string): string {
  const { status = 'offline', lastSeenAt = null } = app.presence.value.get(userId) ?? {};
  return status === 'offline' && lastSeenAt !== null ? `last seen ${shortTimeOf(lastSeenAt)}` : status;
}

function Typing({ app, chatId }: { app: ChatApp; chatId: string }) {
  const names = (app.typing.value.get(chatId) ?? []).map((userId) => app.nameOf(userId));
  const shown = names.length > 2 ? `${names.length} people` : names.join(' and ');
  return (
    <p class="typing" role="status">
      {names.length > 0 && (
        <>
          <span class="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {`${shown} ${names.length === 1 ? 'is' : 'are'} typing`}
        </>
      )}
    </p>
  );
}
