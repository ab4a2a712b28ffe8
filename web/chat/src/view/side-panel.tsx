/** Beside the conversation; on a phone in its place. */
import type { RestFoundMessage } from '@parley-chat/client/contract';
import type { ChatRecord, MessageRecord } from '@parley-chat/client/realtime';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ChatApp, Member } from '../model/chat-app.js';
import { Composer } from './composer.js';
import { Icon } from './icons.js';
import { MessageRow } from './message-row.js';
import { PendingMessages } from './pending-messages.js';
import { PeopleField } from './people-field.js';
import { Avatar } from './person.js';
import { shortTimeOf } from './times.js';

const SEARCH_DELAY_MS = 250;
const ADDED_MAX = 100;

export function SidePanel({ app }: { app: ChatApp }) {
  const { value: panel } = app.panel;
  if (panel === null) return null;
  if (panel.kind === 'search') return <SearchPanel key={String(panel.isInChat)} app={app} isInChat={panel.isInChat} />;
  const chat = app.chats.value.get(panel.chatId);
  if (chat === undefined) return null;
  if (panel.kind === 'members') return <MembersPanel app={app} chat={chat} />;
  return <ThreadPanel key={panel.rootId} app={app} chat={chat} rootId={panel.rootId} />;
}

function Panel({ app, title, children }: { app: ChatApp; title: string; children: ComponentChildren }) {
  const close = () => {
    app.panel.value = null;
  };
  return (
    <section
      class="panel"
      aria-label={title}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.defaultPrevented) close();
      }}
    >
      <header class="bar">
        <h2>{title}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </section>
  );
}

function SearchPanel({ app, isInChat }: { app: ChatApp; isInChat: boolean }) {
  const [text, setText] = useState('');
  const [isHere, setHere] = useState(isInChat);
  const [found, setFound] = useState<readonly RestFoundMessage[] | null>(null);
  const [fault, setFault] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const { value: current } = app.current;
  const chatId = isHere && current !== null ? current.chatId : null;
  useEffect(() => field.current?.focus(), []);
  useEffect(() => {
    if (text.trim() === '') {
      setFound(null);
      setFault('');
      return;
    }
    let isCurrent = true;
    const timer = setTimeout(() => {
      app.search(text.trim(), chatId).then(
        (items) => {
          if (!isCurrent) return;
          setFound(items);
          setFault('');
        },
        (error: unknown) => isCurrent && setFault(error instanceof Error ? error.message : String(error)),
      );
    }, SEARCH_DELAY_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text, chatId]);
  return (
    <Panel app={app} title="Search">
      <search class="search">
        <input
          ref={field}
          type="search"
          aria-label="Search messages"
          placeholder="Search messages"
          maxLength={256}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {current !== null && (
          <label class="check">
            <input type="checkbox" checked={isHere} onChange={(event) => setHere(event.currentTarget.checked)} />
            Only in {app.titleOf(current)}
          </label>
        )}
      </search>
      {fault !== '' && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      <p class="hidden" role="status">
        {found === null ? '' : `${found.length} messages found`}
      </p>
      {found?.length === 0 && <p class="empty">Nothing found.</p>}
      <ul class="found">
        {found?.map((item) => (
          <Found key={item.message.messageId} app={app} item={item} />
        ))}
      </ul>
    </Panel>
  );
}

function Found({ app, item: { message, highlights } }: { app: ChatApp; item: RestFoundMessage }) {
  const chat = app.chats.value.get(message.chatId);
  return (
    <li>
      <button
        type="button"
        onClick={() => {
          app.show(message.chatId, message.sequence);
          // The panel would cover the message.
          if (matchMedia('(max-width: 60rem)').matches) app.panel.value = null;
        }}
      >
        <span class="of">
          <strong>{app.nameOf(message.senderId)}</strong>
          <span class="faint">{chat === undefined ? '' : app.titleOf(chat)}</span>
          <time class="faint">{shortTimeOf(message.createdAt)}</time>
        </span>
        {highlights.map((parts, index) => (
          <span class="excerpt" key={index}>
            {parts.map(({ text, match }) => (match ? <mark>{text}</mark> : text))}
          </span>
        ))}
      </button>
    </li>
  );
}

function MembersPanel({ app, chat }: { app: ChatApp; chat: ChatRecord }) {
  const { chatId, state, lastSequence } = chat;
  const [members, setMembers] = useState<readonly Member[]>([]);
  const [added, setAdded] = useState<string[]>([]);
  const [title, setTitle] = useState(state?.title ?? '');
  useEffect(() => {
    let isCurrent = true;
    app.members(chatId).then(
      (items) => isCurrent && setMembers(items),
      () => undefined, // The list stays as it was.
    );
    return () => {
      isCurrent = false;
    };
  }, [chatId, state?.memberCount, lastSequence]);
  const { value: me } = app.me;
  return (
    <Panel app={app} title="Members">
      <div class="panel-content">
        <form
          class="inline"
          onSubmit={(event) => {
            event.preventDefault();
            app.rename(chatId, title);
          }}
        >
          <label>
            Title
            <input value={title} maxLength={256} onInput={(event) => setTitle(event.currentTarget.value)} />
          </label>
          <button type="submit" disabled={title.trim() === (state?.title ?? '')}>
            Rename
          </button>
        </form>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (added.length > 0) app.addMembers(chatId, added);
            setAdded([]);
          }}
        >
          <PeopleField app={app} label="Add members" chosen={added} max={ADDED_MAX} onChange={setAdded} />
          <button type="submit" class="primary" disabled={added.length === 0}>
            Add
          </button>
        </form>
        <ul class="members">
          {members.map(({ userId, role }) => (
            <li key={userId} data-member={userId}>
              <Avatar app={app} userId={userId} name={app.nameOf(userId)} />
              <span class="name">
                {app.nameOf(userId)}
                {userId === me ? ' (you)' : ''}
              </span>
              {role !== 'member' && <span class="role">{role}</span>}
              <button
                type="button"
                class="plain"
                aria-label={userId === me ? 'Leave the chat' : `Remove ${app.nameOf(userId)}`}
                title={userId === me ? 'Leave the chat' : `Remove ${app.nameOf(userId)}`}
                onClick={() => app.removeMember(chatId, userId)}
              >
                <Icon name={userId === me ? 'leave' : 'remove'} />
              </button>
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}

function ThreadPanel({ app, chat, rootId }: { app: ChatApp; chat: ChatRecord; rootId: string }) {
  const { chatId, lastSequence } = chat;
  const [messages, setMessages] = useState<readonly MessageRecord[]>([]);
  const [fault, setFault] = useState('');
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isCurrent = true;
    app.thread(chatId, rootId).then(
      ({ root, items }) =>
        isCurrent &&
        setMessages(
          [root, ...items].map((message) => ({ ...message, deleted: message.deletedAt === null ? null : 'soft' })),
        ),
      (error: unknown) => isCurrent && setFault(error instanceof Error ? error.message : String(error)),
    );
    return () => {
      isCurrent = false;
    };
  }, [chatId, rootId, lastSequence]);
  useEffect(() => list.current?.scrollTo({ top: list.current.scrollHeight }), [messages.length]);
  return (
    <Panel app={app} title="Thread">
      <div class="thread" ref={list} role="feed" aria-label="Messages of the thread">
        {fault !== '' && (
          <p class="fault" role="alert">
            {fault}
          </p>
        )}
        {messages.map((message) => (
          <MessageRow
            key={message.messageId}
            {...{ app, chat, message }}
            isGrouped={false}
            isNewDay={false}
            isFirstUnread={false}
            isFocused={true}
            isTarget={false}
          />
        ))}
        <PendingMessages app={app} chatId={chatId} rootId={rootId} />
      </div>
      <Composer app={app} chat={chat} rootId={rootId} />
    </Panel>
  );
}
