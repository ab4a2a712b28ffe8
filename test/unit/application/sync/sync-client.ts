/** What one user could see of chats at which moment, by replaying what happened: a page is held against it. */
import { expect } from 'chai';
import type { Cut } from '../../../../src/application/ports/queries/sync-log.js';
import type { LoggedEvent } from '../../../../src/application/ports/store/log/event-log.js';
import type { SyncProgress } from '../../../../src/application/queries/sync-chats.js';
import type { HistoryVisibility, Role } from '../../../../src/domain/chat.js';
import type { Page } from './syncing-client.js';
import type { ChangingView } from './views.js';

interface Moment {
  isSeen: boolean;
  history: HistoryVisibility;
  isWithin: boolean;
}

export class SyncClient {
  constructor(
    private readonly userId: string,
    private readonly view: ChangingView,
    /** By chat id, in ascending sequence. */
    private readonly events: ReadonlyMap<string, readonly LoggedEvent[]>,
  ) {}

  /**
   * No chat is named to who could not see it at any time since the client was here last, and none is begun anew for
   * nothing.
   */
  readonly look = (since: SyncProgress | null, { items }: Page, has: (chatId: string) => boolean): void => {
    for (const item of items) {
      const from = since?.from ?? null;
      const moments = this.momentsSince(item.chatId, from);
      const isSeen = moments.some((moment) => moment.isSeen);
      if ('left' in item) {
        expect(isSeen, `${item.chatId}, which was hidden all the time, is told of`).to.equal(true);
        continue;
      }
      const { archived, role } = item.chat;
      expect(this.view.shows(archived, role), `${item.chatId} is hidden`).to.equal(true);
      if (!item.reset || from === null || !has(item.chatId)) continue;
      const isSame = moments.every(({ isSeen: seen, history }) => seen && history === moments[0]?.history);
      expect(isSame, `${item.chatId}, which was there all the time, begins anew`).to.equal(false);
    }
  };

  /** How it was at the cut, and after each event since; without a cut, since ever. */
  private momentsSince(chatId: string, from: Cut | null): Moment[] {
    let role: Role | null = null;
    let isArchived = false;
    let history: HistoryVisibility = 'full';
    const moments = (this.events.get(chatId) ?? []).map(({ event, partition, position }): Moment => {
      if (event.type === 'chat.created' || event.type === 'member.added')
        role = event.members.find(({ userId }) => userId === this.userId)?.role ?? role;
      if (event.type === 'chat.created' || event.type === 'chat.updated') history = event.historyVisibility;
      if (event.type === 'member.updated' && event.userId === this.userId) role = event.role;
      if (event.type === 'member.removed' && event.userId === this.userId) role = null;
      if (event.type === 'chat.archived' || event.type === 'chat.unarchived')
        isArchived = event.type === 'chat.archived';
      const isSeen = role !== null && this.view.shows(isArchived, role);
      return { isSeen, history, isWithin: from !== null && position <= (from.positions[partition] ?? 0) };
    });
    return moments.slice(
      Math.max(
        0,
        moments.findLastIndex(({ isWithin }) => isWithin),
      ),
    );
  }
}
