/** Chooses users: by the beginning of a name, or by any user id. */
import type { RestUser } from '@parley-chat/client/contract';
import { useEffect, useId, useState } from 'preact/hooks';
import type { ChatApp } from '../model/chat-app.js';
import { Icon } from './icons.js';
import { Options } from './options.js';

const ASK_DELAY_MS = 150;
const USER_ID = /^[A-Za-z0-9_-][A-Za-z0-9_@:.+|-]{0,127}$/;

interface PeopleFieldProps {
  app: ChatApp;
  label: string;
  chosen: readonly string[];
  max: number;
  onChange(userIds: string[]): void;
}

export function PeopleField({ app, label, chosen, max, onChange }: PeopleFieldProps) {
  const id = useId();
  const [text, setText] = useState('');
  const [found, setFound] = useState<readonly RestUser[]>([]);
  const [active, setActive] = useState(0);
  useEffect(() => {
    if (text === '') {
      setFound([]);
      return;
    }
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const users = await app.findUsers(text);
      if (!isCurrent) return;
      setFound(users.filter(({ userId }) => userId !== app.me.value && !chosen.includes(userId)));
      setActive(0);
    }, ASK_DELAY_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text]);

  const add = (userId: string) => {
    setText('');
    setFound([]);
    onChange(max === 1 ? [userId] : [...new Set([...chosen, userId])]);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && found.length > 0) {
      event.preventDefault();
      setActive((active + step + found.length) % found.length);
    } else if (event.key === 'Enter' && text !== '') {
      event.preventDefault();
      const user = found[active]?.userId ?? text.trim();
      if (USER_ID.test(user)) add(user);
    } else if (event.key === 'Backspace' && text === '') onChange(chosen.slice(0, -1));
  };
  return (
    <div class="people">
      <label for={`${id}-input`}>{label}</label>
      <div class="chips">
        {chosen.map((userId) => (
          <span class="chip" key={userId}>
            {app.nameOf(userId)}
            <button
              type="button"
              aria-label={`Remove ${app.nameOf(userId)}`}
              onClick={() => onChange(chosen.filter((other) => other !== userId))}
            >
              <Icon name="close" />
            </button>
          </span>
        ))}
        <input
          id={`${id}-input`}
          role="combobox"
          autocomplete="off"
          autocapitalize="none"
          placeholder="Name or user id"
          aria-expanded={found.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={found.length > 0 ? `${id}-list-${active}` : undefined}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onBlur={() => found.length === 0 && USER_ID.test(text.trim()) && add(text.trim())}
        />
      </div>
      <Options
        id={`${id}-list`}
        label="Suggestions"
        options={found.map(({ userId, displayName: name }) => ({ userId, name }))}
        active={active}
        onChoose={add}
      />
    </div>
  );
}
