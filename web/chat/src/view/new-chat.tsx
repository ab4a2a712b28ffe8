import { useState } from 'preact/hooks';
import type { ChatApp } from '../model/chat-app.js';
import { Dialog } from './dialog.js';
import { PeopleField } from './people-field.js';

/** A chat is created with at most this many other members; more are added later. */
const MEMBERS_MAX = 100;

export function NewChat({ app, onClose }: { app: ChatApp; onClose(): void }) {
  const [kind, setKind] = useState<'direct' | 'group'>('group');
  const [title, setTitle] = useState('');
  const [people, setPeople] = useState<string[]>([]);
  const [isWaiting, setWaiting] = useState(false);
  const isReady = kind === 'group' ? title.trim() !== '' || people.length > 0 : people.length === 1;
  const create = async (event: Event) => {
    event.preventDefault();
    if (!isReady || isWaiting) return;
    setWaiting(true);
    await app.create(kind, people, kind === 'group' ? title : '');
    onClose();
  };
  return (
    <Dialog title="New chat" onClose={onClose}>
      <form onSubmit={create}>
        <fieldset class="choice">
          <legend class="hidden">Kind</legend>
          {(['group', 'direct'] as const).map((value) => (
            <label key={value}>
              <input
                type="radio"
                name="kind"
                value={value}
                checked={kind === value}
                onChange={() => {
                  setKind(value);
                  if (value === 'direct') setPeople(people.slice(0, 1));
                }}
              />
              {value === 'group' ? 'Group' : 'Direct'}
            </label>
          ))}
        </fieldset>
        {kind === 'group' && (
          <label>
            Title
            <input value={title} maxLength={256} onInput={(event) => setTitle(event.currentTarget.value)} />
          </label>
        )}
        <PeopleField
          app={app}
          label={kind === 'group' ? 'Members' : 'With'}
          chosen={people}
          max={kind === 'group' ? MEMBERS_MAX : 1}
          onChange={setPeople}
        />
        <button type="submit" class="primary" disabled={!isReady || isWaiting}>
          Create
        </button>
      </form>
    </Dialog>
  );
}
