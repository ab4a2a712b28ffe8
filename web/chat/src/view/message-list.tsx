/**
 * The messages of a chat, of which only those around the screen are in the document. What is on screen stays where it
 * is while heights become known, and the end stays at the end.
 */
import type { ChatRecord } from '@parley-chat/client/realtime';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ChatApp } from '../model/chat-app.js';
import type { Timeline } from '../model/timeline.js';
import { Icon } from './icons.js';
import { MessageRow } from './message-row.js';
import { PendingMessages } from './pending-messages.js';
import { isSameDay } from './times.js';

/** Rows beyond the screen that are in the document, in pixels. */
const OVERSCAN = 600;
/** A new range is drawn when less than this is left of the overscan. */
const OVERSCAN_MIN = 200;
/** The end counts as seen this many pixels before it. */
const END_TOLERANCE = 24;
/** Who scrolls up by more than this does not want to stay at the end. */
const END_ROUNDING = 2;
const GROUP_MAX_MS = 5 * 60_000;

/** What stays in place. */
type Anchor =
  | { kind: 'end' }
  /** The row is this many pixels above the upper edge. */
  | { kind: 'row'; index: number; hidden: number }
  /** The row that is to be seen, until the user scrolls. */
  | { kind: 'target'; index: number };

export function MessageList({ app, chat }: { app: ChatApp; chat: ChatRecord }) {
  const timeline = app.timeline(chat);
  timeline.version.value;
  const { heights } = timeline;
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const anchor = useRef<Anchor>({ kind: 'end' });
  const drawn = useRef({ top: 0, bottom: 0 });
  const [, redraw] = useState(0);
  const [isAtEnd, setAtEnd] = useState(true);
  const [focused, setFocused] = useState<number | null>(null);
  /** The first unread message when the chat was opened. */
  const firstUnread = useMemo(() => {
    const { unreadCount = 0, membership } = chat.state ?? {};
    return unreadCount > 0 && membership !== undefined ? membership.readSequence + 1 : null;
  }, [timeline]);

  useMemo(() => {
    anchor.current = firstUnread === null ? { kind: 'end' } : { kind: 'target', index: firstUnread - timeline.first };
  }, [timeline]);

  const { value: target } = app.target;
  useLayoutEffect(() => {
    if (target === null || target.chatId !== chat.chatId) return;
    anchor.current = { kind: 'target', index: target.sequence - timeline.first };
    setFocused(target.sequence - timeline.first);
    redraw((count) => count + 1);
  }, [target, timeline]);

  // The range to draw
  const viewHeight = scroller.current?.clientHeight ?? 800;
  const top = topOf(anchor.current, timeline, viewHeight, scroller.current);
  const from = heights.indexAt(Math.max(0, top - OVERSCAN));
  const to = heights.size === 0 ? -1 : heights.indexAt(top + viewHeight + OVERSCAN);
  if (to >= 0) timeline.ensure(from, to);
  const before = heights.offset(from);
  drawn.current = { top: before, bottom: heights.offset(to + 1) };

  const list = [];
  let unknown = 0;
  const rest = (index: number) => {
    if (unknown > 0) list.push(<div key={`unknown-${index}`} class="unknown" style={{ height: `${unknown}px` }} />);
    unknown = 0;
  };
  for (let index = from; index <= to; index += 1) {
    const message = timeline.record(index);
    if (message === undefined) {
      if (!timeline.isKnown(index)) unknown += heights.at(index);
      continue;
    }
    rest(index);
    const previous = timeline.previous(index);
    const isNewDay = previous === undefined || !isSameDay(previous.createdAt, message.createdAt);
    const isFirstUnread =
      firstUnread !== null && message.sequence >= firstUnread && (previous?.sequence ?? 0) < firstUnread;
    list.push(
      <MessageRow
        key={message.sequence}
        {...{ app, chat, message, timeline, isNewDay, isFirstUnread }}
        isGrouped={
          !isNewDay &&
          !isFirstUnread &&
          previous?.senderId === message.senderId &&
          Date.parse(message.createdAt) - Date.parse(previous.createdAt) < GROUP_MAX_MS
        }
        isFocused={focused === index}
        isTarget={target?.chatId === chat.chatId && target.sequence === message.sequence}
      />,
    );
  }
  rest(to + 1);

  /** Takes the heights of what was drawn, and puts what stays back into its place. */
  const settle = () => {
    const view = scroller.current;
    if (view === null || rows.current === null) return;
    let isChanged = false;
    for (const row of rows.current.children) {
      const { index } = (row as HTMLElement).dataset;
      if (index === undefined) continue;
      const { height } = row.getBoundingClientRect();
      if (Math.abs(heights.at(Number(index)) - height) < 0.01) continue;
      heights.set(Number(index), height);
      isChanged = true;
    }
    if (isChanged) {
      const space = rows.current.parentElement as HTMLElement;
      space.style.height = `${heights.total}px`;
      rows.current.style.transform = `translateY(${heights.offset(from)}px)`;
    }
    const wanted = topOf(anchor.current, timeline, view.clientHeight, view);
    if (Math.abs(view.scrollTop - wanted) >= 1) view.scrollTop = wanted;
    look(view);
  };

  /** Draws other rows if the screen nears the end of what is drawn, and tells whether the end of the chat is seen. */
  const look = (view: HTMLElement) => {
    const isEnd = view.scrollHeight - view.scrollTop - view.clientHeight < END_TOLERANCE;
    if (isEnd) app.atEnd(chat.chatId);
    // What was to be seen is on the last screen: from now on, the end is.
    if (isEnd && anchor.current.kind === 'target' && timeline.isKnown(anchor.current.index))
      anchor.current = { kind: 'end' };
    setAtEnd(isEnd);
    const { top: drawnTop, bottom } = drawn.current;
    const isShort =
      (drawnTop > 0 && view.scrollTop < drawnTop + OVERSCAN_MIN) ||
      (bottom < heights.total && view.scrollTop + view.clientHeight > bottom - OVERSCAN_MIN);
    if (isShort) redraw((count) => count + 1);
  };

  useLayoutEffect(settle);
  const latestSettle = useRef(settle);
  latestSettle.current = settle;

  useEffect(() => {
    const [view, list] = [scroller.current, rows.current];
    if (view === null || list === null) return;
    // A row can change by itself, for example when what it quotes has been read.
    const observer = new ResizeObserver(() => latestSettle.current());
    observer.observe(view);
    observer.observe(list);
    return () => observer.disconnect();
  }, []);

  const onScroll = () => {
    const view = scroller.current;
    if (view === null) return;
    const isEnd = view.scrollHeight - view.scrollTop - view.clientHeight < END_ROUNDING;
    if (anchor.current.kind !== 'target') anchor.current = isEnd ? { kind: 'end' } : rowAt(timeline, view.scrollTop);
    look(view);
  };
  /** The user scrolls: what was to be seen has been seen. */
  const release = () => {
    const view = scroller.current;
    if (view !== null && anchor.current.kind === 'target') anchor.current = rowAt(timeline, view.scrollTop);
  };
  const toEnd = () => {
    anchor.current = { kind: 'end' };
    redraw((count) => count + 1);
  };

  const focusRow = (index: number) => {
    setFocused(index);
    const view = scroller.current;
    if (view === null) return;
    const [start, height] = [heights.offset(index), heights.at(index)];
    if (start < view.scrollTop) anchor.current = { kind: 'row', index, hidden: 0 };
    else if (start + height > view.scrollTop + view.clientHeight)
      anchor.current = rowAt(timeline, start + height - view.clientHeight);
    redraw((count) => count + 1);
    const row = () => rows.current?.querySelector<HTMLElement>(`[data-index="${index}"] article`);
    const drawnRow = row();
    if (drawnRow) drawnRow.focus({ preventScroll: true });
    else requestAnimationFrame(() => row()?.focus({ preventScroll: true }));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    release();
    const article = (event.target as HTMLElement).closest('article');
    if (article === null) {
      const last = event.key === 'ArrowUp' ? timeline.neighbour(heights.size, -1) : undefined;
      if (last === undefined) return;
      focusRow(last);
      event.preventDefault();
      return;
    }
    const index = Number(article.dataset.sequence) - timeline.first;
    const tools = [...article.querySelectorAll<HTMLElement>('.actions button, .reactions button, .quote, a')];
    const at = tools.indexOf(event.target as HTMLElement);
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key] as 1 | -1 | undefined;
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      const next = timeline.neighbour(index, step);
      if (next !== undefined) focusRow(next);
    } else if (side !== undefined || (event.key === 'Enter' && at < 0))
      tools[Math.max(0, Math.min(tools.length - 1, at + (side ?? 1)))]?.focus();
    else if (event.key === 'Escape' && at >= 0) article.focus();
    else if (event.key === 'End') toEnd();
    else return;
    event.preventDefault();
  };
  const onFocus = (event: FocusEvent) => {
    const article = (event.target as HTMLElement).closest('article');
    if (article !== null) setFocused(Number(article.dataset.sequence) - timeline.first);
  };

  return (
    <div class="messages">
      <div
        ref={scroller}
        class="scroller"
        onScroll={onScroll}
        onWheel={release}
        onTouchStart={release}
        onPointerDown={release}
        onKeyDown={onKeyDown}
        onFocusCapture={onFocus}
        role="feed"
        aria-label={`Messages of ${app.titleOf(chat)}`}
        aria-busy={app.connection.value.kind === 'syncing'}
        // The list itself takes the focus until a message has it.
        tabIndex={focused === null ? 0 : -1}
      >
        <div class="space" style={{ height: `${heights.total}px` }}>
          <div ref={rows} class="rows" style={{ transform: `translateY(${before}px)` }}>
            {list}
          </div>
        </div>
        <PendingMessages app={app} chatId={chat.chatId} onChange={settle} />
      </div>
      {!isAtEnd && (
        <button
          type="button"
          class="to-end"
          aria-label="To the latest message"
          title="To the latest message"
          onClick={toEnd}
        >
          <Icon name="down" />
          {(chat.state?.unreadCount ?? 0) > 0 && <span class="badge">{chat.state?.unreadCount}</span>}
        </button>
      )}
    </div>
  );
}

function rowAt(timeline: Timeline, top: number): Anchor {
  const index = timeline.heights.indexAt(top);
  return { kind: 'row', index, hidden: top - timeline.heights.offset(index) };
}

/** The position at which the anchor is where it belongs. */
function topOf(anchor: Anchor, { heights }: Timeline, viewHeight: number, view: HTMLElement | null): number {
  const beyond = view === null ? 0 : view.scrollHeight - (view.querySelector('.space')?.clientHeight ?? 0);
  const end = Math.max(0, heights.total + beyond - viewHeight);
  if (anchor.kind === 'end') return end;
  const wanted =
    anchor.kind === 'row'
      ? heights.offset(anchor.index) + anchor.hidden
      : heights.offset(anchor.index) - Math.round(viewHeight / 3);
  return Math.min(end, Math.max(0, wanted));
}
