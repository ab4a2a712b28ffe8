import type { ChatRecord, MessageRecord } from '@parley-chat/client/realtime';
import { useState } from 'preact/hooks';
import type { ChatApp } from '../model/chat-app.js';
import type { Timeline } from '../model/timeline.js';
import { Icon, type IconName } from './icons.js';
import { Avatar } from './person.js';
import { MessageText, safeAddress } from './text.js';
import { dayOf, timeOf, wholeTimeOf } from './times.js';

export const EMOJI = ['👍', '❤️', '😂', '🎉', '😮', '😢', '🙏', '👀'];

export interface MessageProps {
  app: ChatApp;
  chat: ChatRecord;
  message: MessageRecord;
  /** Undefined in threads, where replies show no quotes. */
  timeline?: Timeline | undefined;
  /** Follows a message of the same sender. */
  isGrouped: boolean;
  /** The first one of its day. */
  isNewDay: boolean;
  isFirstUnread: boolean;
  isFocused: boolean;
  isTarget: boolean;
}

export function MessageRow(props: MessageProps) {
  const { app, chat, message, timeline, isGrouped, isNewDay, isFirstUnread, isFocused, isTarget } = props;
  const { sequence, senderId, deleted } = message;
  const { value: me } = app.me;
  const isMine = senderId === me;
  const name = app.nameOf(senderId);
  const isGroup = chat.state?.kind !== 'direct';
  return (
    <div class="slot" data-index={timeline === undefined ? undefined : sequence - timeline.first}>
      {isNewDay && (
        <p class="day">
          <span>{dayOf(message.createdAt)}</span>
        </p>
      )}
      {isFirstUnread && (
        <p class="first-unread">
          <span>New messages</span>
        </p>
      )}
      <article
        class={`message ${isMine ? 'mine' : ''} ${isGrouped ? 'grouped' : ''} ${isTarget ? 'target' : ''}`}
        aria-label={`${isMine ? 'You' : name}, ${timeOf(message.createdAt)}`}
        aria-posinset={sequence}
        aria-setsize={-1}
        tabIndex={isFocused ? 0 : -1}
        data-sequence={sequence}
        data-message={message.messageId}
      >
        {!isMine &&
          isGroup &&
          (isGrouped ? <span class="gutter" /> : <Avatar app={app} userId={senderId} name={name} />)}
        <div class="column">
          {!isMine && isGroup && !isGrouped && <span class="sender">{name}</span>}
          <div class="bubble">
            {timeline !== undefined && (
              <Quote app={app} message={message} timeline={timeline} tabIndex={isFocused ? 0 : -1} />
            )}
            {deleted === null ? (
              <p class="body" dir="auto">
                <MessageText
                  text={message.body ?? ''}
                  mentions={message.mentions}
                  me={me}
                  tabIndex={isFocused ? 0 : -1}
                  nameOf={(userId) => app.nameOf(userId)}
                />
              </p>
            ) : (
              <p class="body gone">Message deleted</p>
            )}
            <Attachments message={message} />
            <span class="meta">
              {message.editedAt !== null && deleted === null && <span>edited</span>}
              <time dateTime={message.createdAt} title={wholeTimeOf(message.createdAt)}>
                {timeOf(message.createdAt)}
              </time>
              {isMine && deleted === null && <Delivery app={app} chat={chat} sequence={sequence} />}
            </span>
          </div>
          <Reactions app={app} message={message} tabIndex={isFocused ? 0 : -1} />
          {deleted === null && <Actions app={app} chat={chat} message={message} isInThread={timeline === undefined} />}
        </div>
      </article>
    </div>
  );
}

interface QuoteProps {
  app: ChatApp;
  message: MessageRecord;
  timeline: Timeline;
  tabIndex: number;
}

/** What the message answers, or the thread that it belongs to. */
function Quote({ app, message, timeline, tabIndex }: QuoteProps) {
  const { inReplyTo, threadRootId, chatId } = message;
  const id = inReplyTo ?? threadRootId;
  if (id === null) return null;
  // The row itself is not drawn again when the quoted message has been read.
  timeline.version.value;
  const quoted = timeline.quote(id);
  const text = quoted === undefined ? ' ' : (quoted?.body ?? 'Message deleted');
  const isThread = inReplyTo === null;
  return (
    <button
      type="button"
      class="quote"
      aria-label={quoted === undefined ? 'Quoted message' : undefined}
      tabIndex={tabIndex}
      onClick={() => {
        if (isThread) app.panel.value = { kind: 'thread', chatId, rootId: id };
        else if (quoted) app.target.value = { chatId, sequence: quoted.sequence };
      }}
    >
      <span class="of">
        {isThread ? 'Thread: ' : ''}
        {quoted ? app.nameOf(quoted.senderId) : ''}
      </span>
      <span class="said">{text}</span>
    </button>
  );
}

function Attachments({ message: { attachments } }: { message: MessageRecord }) {
  if (attachments.length === 0) return null;
  return (
    <ul class="attachments">
      {attachments.map(({ url, name, size }) => {
        const href = safeAddress(url);
        return (
          <li key={url}>
            {href === null ? (
              name
            ) : (
              <a href={href} target="_blank" rel="noopener noreferrer nofollow">
                {name}
              </a>
            )}{' '}
            <span class="faint">{Math.ceil(size / 1024)} KB</span>
          </li>
        );
      })}
    </ul>
  );
}

function Reactions({ app, message, tabIndex }: { app: ChatApp; message: MessageRecord; tabIndex: number }) {
  if (message.reactions.length === 0) return null;
  return (
    <ul class="reactions" aria-label="Reactions">
      {message.reactions.map(({ emoji, count, mine }) => (
        <li key={emoji}>
          <button
            type="button"
            aria-pressed={mine}
            tabIndex={tabIndex}
            aria-label={`${emoji}, ${count}`}
            onClick={() => app.react(message, emoji)}
          >
            <span aria-hidden="true">
              {emoji} {count}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** How far a message of the user has got. */
function Delivery({ app, chat, sequence }: { app: ChatApp; chat: ChatRecord; sequence: number }) {
  const marks = [...app.marksOf(chat)];
  const readers = marks.filter(([, { read }]) => read >= sequence).map(([userId]) => app.nameOf(userId));
  const reached = marks.filter(([, { delivered }]) => delivered >= sequence);
  const isRead = readers.length > 0 && readers.length === marks.length;
  const isReached = reached.length > 0 && reached.length === marks.length;
  const icon: IconName = isReached ? 'received' : 'sent';
  const text = readers.length > 0 ? `Read by ${readers.join(', ')}` : isReached ? 'Delivered' : 'Sent';
  return (
    <span class={`delivery ${isRead ? 'read' : ''}`} title={text} data-delivery={isRead ? 'read' : icon}>
      <Icon name={icon} />
      <span class="hidden">{text}</span>
    </span>
  );
}

interface ActionsProps {
  app: ChatApp;
  chat: ChatRecord;
  message: MessageRecord;
  isInThread: boolean;
}

function Actions({ app, chat, message, isInThread }: ActionsProps) {
  const [shown, show] = useState<'actions' | 'emoji' | 'deletion'>('actions');
  const back = () => show('actions');
  const isMine = message.senderId === app.me.value;
  const isLeader = chat.state?.role === 'owner' || chat.state?.role === 'admin';
  const button = (icon: IconName, label: string, onClick: () => void) => (
    <button type="button" class="plain" aria-label={label} title={label} tabIndex={-1} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
  return (
    <div
      class={`actions ${shown === 'actions' ? '' : 'open'}`}
      role="toolbar"
      tabIndex={-1}
      aria-label="Actions on the message"
      onKeyDown={(event) => {
        if (event.key === 'Escape') back();
      }}
    >
      {shown === 'emoji' && (
        <>
          {EMOJI.map((emoji) => (
            <button
              type="button"
              key={emoji}
              class="plain emoji"
              aria-label={`React with ${emoji}`}
              tabIndex={-1}
              onClick={() => {
                back();
                app.react(message, emoji);
              }}
            >
              {emoji}
            </button>
          ))}
          {button('close', 'Close', back)}
        </>
      )}
      {shown === 'deletion' && (
        <>
          <button type="button" class="danger" tabIndex={-1} onClick={() => app.remove(message)}>
            Delete for everybody
          </button>
          {button('close', 'Keep', back)}
        </>
      )}
      {shown === 'actions' && (
        <>
          {button('react', 'React', () => show('emoji'))}
          {!isInThread &&
            button('reply', 'Reply', () => {
              app.replyTo.value = message;
            })}
          {!isInThread &&
            button('thread', 'Thread', () => {
              const rootId = message.threadRootId ?? message.messageId;
              app.panel.value = { kind: 'thread', chatId: message.chatId, rootId };
            })}
          {isMine &&
            !isInThread &&
            button('edit', 'Edit', () => {
              app.editing.value = message;
            })}
          {(isMine || isLeader) && button('remove', 'Delete', () => show('deletion'))}
        </>
      )}
    </div>
  );
}
