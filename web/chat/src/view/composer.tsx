import type { ChatRecord, MessageRecord } from '@parley-chat/client/realtime';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ChatApp } from '../model/chat-app.js';
import { Icon } from './icons.js';
import { Options } from './options.js';

const BODY_MAX_CHARACTERS = 16_384;
const SUGGESTIONS_MAX = 6;
/** The beginning of a mention before the caret. */
const MENTION_BEGUN = /(?:^|[\s(])@([\p{L}\p{N}_.:+|-]*)$/u;

/** Texts that were not sent, by chat, while the page is open. */
const drafts = new Map<string, string>();

interface ComposerProps {
  app: ChatApp;
  chat: ChatRecord;
  /** In a thread. */
  rootId?: string;
}

export function Composer({ app, chat, rootId }: ComposerProps) {
  const { chatId } = chat;
  const key = rootId ?? chatId;
  const editing = rootId === undefined ? app.editing.value : null;
  const replyTo = rootId === undefined ? app.replyTo.value : null;
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(drafts.get(key) ?? '');
  const [caret, setCaret] = useState(0);
  const [active, setActive] = useState(0);
  const [isClosed, setClosed] = useState(false);
  const id = useId();

  // Before the next key: what is typed meanwhile would be lost.
  useLayoutEffect(() => setText(drafts.get(key) ?? ''), [key]);
  useLayoutEffect(() => {
    if (editing !== null) setText(editing.body ?? '');
  }, [editing]);
  useEffect(() => {
    if (editing !== null || replyTo !== null) field.current?.focus();
  }, [editing, replyTo]);
  useEffect(() => {
    // Not on phones, where the keyboard would cover the messages.
    if (matchMedia('(hover: hover)').matches) field.current?.focus();
  }, [chatId]);
  useLayoutEffect(() => {
    const area = field.current;
    if (area === null) return;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);

  const change = (value: string) => {
    setText(value);
    if (editing === null) drafts.set(key, value);
  };
  const begun = isClosed ? undefined : MENTION_BEGUN.exec(text.slice(0, caret))?.[1];
  const people = begun === undefined ? [] : suggestions(app, chat, begun);

  const mention = (userId: string) => {
    const start = caret - (begun?.length ?? 0);
    const next = `${text.slice(0, start)}${userId} ${text.slice(caret)}`;
    change(next);
    const position = start + userId.length + 1;
    setCaret(position);
    requestAnimationFrame(() => field.current?.setSelectionRange(position, position));
  };
  const submit = () => {
    if (text.trim() === '') return;
    if (editing !== null) {
      app.edit(editing, text);
      setText(drafts.get(key) ?? '');
      return;
    }
    app.send(text, rootId === undefined ? {} : { threadRootId: rootId });
    change('');
  };
  const cancel = () => {
    if (editing !== null) setText(drafts.get(key) ?? '');
    app.editing.value = null;
    app.replyTo.value = null;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (people.length > 0 && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      setActive((active + (event.key === 'ArrowDown' ? 1 : people.length - 1)) % people.length);
    } else if (people.length > 0 && (event.key === 'Enter' || event.key === 'Tab')) {
      mention(people[Math.min(active, people.length - 1)] ?? '');
    } else if (people.length > 0 && event.key === 'Escape') setClosed(true);
    else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit();
    else if (event.key === 'Escape' && (editing !== null || replyTo !== null)) cancel();
    else if (event.key === 'ArrowUp' && text === '' && rootId === undefined) {
      const isEditable = (message: MessageRecord) => message.senderId === app.me.value && message.deleted === null;
      app.editing.value = app.timeline(chat).latest(isEditable) ?? null;
    } else return;
    event.preventDefault();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {(editing ?? replyTo) !== null && (
        <div class="about">
          <Icon name={editing === null ? 'reply' : 'edit'} />
          <span>
            <strong>{editing === null ? `Reply to ${app.nameOf(replyTo?.senderId ?? '')}` : 'Edit message'}</strong>
            <span class="said">{(editing ?? replyTo)?.body}</span>
          </span>
          <button type="button" class="plain" aria-label="Cancel" onClick={cancel}>
            <Icon name="close" />
          </button>
        </div>
      )}
      <Options
        id={`${id}-people`}
        label="Members"
        options={people.map((userId) => ({ userId, name: app.nameOf(userId) }))}
        active={active}
        onChoose={mention}
      />
      <div class="line">
        <textarea
          ref={field}
          rows={1}
          maxLength={BODY_MAX_CHARACTERS}
          placeholder={rootId === undefined ? `Message ${app.titleOf(chat)}` : 'Reply in the thread'}
          aria-label={rootId === undefined ? `Message ${app.titleOf(chat)}` : 'Reply in the thread'}
          aria-controls={`${id}-people`}
          aria-autocomplete="list"
          aria-activedescendant={people.length > 0 ? `${id}-people-${active}` : undefined}
          value={text}
          dir="auto"
          onInput={(event) => {
            const { value, selectionStart } = event.currentTarget;
            change(value);
            setCaret(selectionStart);
            setActive(0);
            setClosed(false);
            if (rootId === undefined && editing === null) app.type(value);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onKeyDown={onKeyDown}
        />
        <button
          type="submit"
          class="send"
          aria-label={editing === null ? 'Send' : 'Save'}
          disabled={text.trim() === ''}
        >
          <Icon name={editing === null ? 'send' : 'sent'} />
        </button>
      </div>
    </form>
  );
}

function suggestions(app: ChatApp, { members }: ChatRecord, begun: string): string[] {
  const wanted = begun.toLowerCase();
  return [...members.keys()]
    .filter((userId) => userId !== app.me.value)
    .filter((userId) => [userId, app.nameOf(userId)].some((name) => name.toLowerCase().startsWith(wanted)))
    .slice(0, SUGGESTIONS_MAX);
}
