/** Messages of the user without an event yet, and refused ones with the reason. */
import type { CommandData } from '@parley-chat/client/contract';
import { useLayoutEffect } from 'preact/hooks';
import type { ChatApp } from '../model/chat-app.js';
import type { Outgoing } from '../model/outbox.js';
import { Icon } from './icons.js';
import { MessageText } from './text.js';
import { timeOf } from './times.js';

interface PendingProps {
  app: ChatApp;
  chatId: string;
  /** Only those of a thread. */
  rootId?: string;
  onChange?(): void;
}

export function PendingMessages({ app, chatId, rootId, onChange }: PendingProps) {
  const items = app.outbox.items.value.filter(
    (item): item is Outgoing<'message.send'> =>
      item.type === 'message.send' &&
      item.chatId === chatId &&
      (rootId === undefined || (item.data as CommandData['message.send']).threadRootId === rootId),
  );
  useLayoutEffect(() => onChange?.(), [items.length, items.filter(({ failure }) => failure).length]);
  return (
    <div class="pending">
      {items.map((item) => (
        <Pending key={item.commandId} app={app} item={item} />
      ))}
    </div>
  );
}

function Pending({ app, item }: { app: ChatApp; item: Outgoing<'message.send'> }) {
  const { failure, data, at } = item;
  return (
    <div class={`message mine ${failure === undefined ? 'waiting' : 'failed'}`} data-pending={item.commandId}>
      <div class="column">
        <div class="bubble">
          <p class="body" dir="auto">
            <MessageText
              text={data.body}
              mentions={data.mentions ?? []}
              me={app.me.value}
              nameOf={(userId) => app.nameOf(userId)}
            />
          </p>
          <span class="meta">
            <time dateTime={at}>{timeOf(at)}</time>
            <span class="delivery" title={failure === undefined ? 'Waits to be sent' : 'Refused'}>
              <Icon name={failure === undefined ? 'clock' : 'failed'} />
              <span class="hidden">{failure === undefined ? 'Waits to be sent' : 'Refused'}</span>
            </span>
          </span>
        </div>
        {failure !== undefined && (
          <p class="refusal" role="alert">
            <strong>{failure.title}</strong>
            {failure.detail !== undefined && failure.detail !== '' && <span> {failure.detail}</span>}
            <button type="button" class="link" onClick={() => app.retry(item)}>
              Send again
            </button>
            <button type="button" class="link" onClick={() => app.outbox.remove(item.commandId)}>
              Discard
            </button>
          </p>
        )}
      </div>
    </div>
  );
}
