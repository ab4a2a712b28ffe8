/** Moves chats to another store, and the matching part of the model. */
import { expect } from 'chai';
import type { ArchiveSelection } from '../../../src/application/ports/store/archive.js';
import { exportFrom, importInto } from '../../integration/prisma/archive/archive-of.js';
import { everything } from '../../integration/prisma/archive/archive-rows-of.js';
import type { PrismaHarness } from '../../integration/prisma/prisma-harness.js';
import { chatAt } from './command-of.js';
import type { Move } from './intents.js';
import { type ModelChat, ModelWorld } from './model-world.js';

const TENANT = 'default';

export function selectionOf(move: Move): ArchiveSelection {
  const what = 'userId' in move ? move : { chatId: chatAt(move.chatAt, TENANT, '') };
  return { tenantId: TENANT, what };
}

/** The chats and the profiles of their members, without the old log and events without a sequence. */
export function carried(world: ModelWorld, { tenantId, what }: ArchiveSelection): ModelWorld {
  const isMeant = ({ id, people }: ModelChat) => ('chatId' in what ? id === what.chatId : people.has(what.userId));
  const moved = new ModelWorld();
  Object.assign(moved, { now: world.now, messagesSent: world.messagesSent });
  for (const chat of world.chats.values())
    if (chat.tenant === tenantId && isMeant(chat)) {
      const people = new Map([...chat.people].map(([userId, person]) => [userId, { ...person, roleChanged: 0 }]));
      moved.chats.set(chat.id, {
        ...chat,
        people,
        mutesOfLeavers: new Map(),
        archiveChanged: 0,
        partition: null,
        placedAt: 0,
      });
    }
  for (const event of world.log)
    if (moved.chats.has(event.chatId ?? '') && event.sequence !== null)
      moved.log.push({ ...event, partition: null, position: 0 });
  const people = [...moved.chats.values()].flatMap((chat) => [...chat.people.keys()]);
  for (const userId of 'userId' in what ? [what.userId, ...people] : people) {
    const key = `${tenantId} ${userId}`;
    const profile = world.profiles.get(key);
    if (profile !== undefined) moved.profiles.set(key, profile);
  }
  return moved;
}

/**
 * Exports to another, empty store, and imports twice; the second import changes nothing. Returns false if `expected`
 * has nothing to move.
 */
export async function moveBetween(
  from: PrismaHarness,
  to: PrismaHarness,
  selection: ArchiveSelection,
  expected: ModelWorld,
): Promise<boolean> {
  const lines = await exportFrom(from, selection);
  expect(lines === null, 'nothing to export').to.equal(expected.chats.size + expected.profiles.size === 0);
  if (lines === null) return false;
  const chats = expected.chats.size;
  expect((await importInto(to, lines)).chats).to.deep.equal({ imported: chats, known: 0 });
  const before = await everything(to.url);
  expect((await importInto(to, lines)).chats).to.deep.equal({ imported: 0, known: chats });
  expect(await everything(to.url), 'after a second import').to.deep.equal(before);
  return true;
}
