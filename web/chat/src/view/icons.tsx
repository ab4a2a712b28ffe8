const PATHS = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  plus: 'M12 5v14M5 12h14',
  search: 'M11 18a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM16.500 16.500L21 21',
  send: 'M4 12l16-8-6 16-3-6.500L4 12z',
  reply: 'M10 7L4 12l6 5M4 12h10a6 6 0 0 1 6 6v1',
  thread: 'M5 5h14v10H10l-5 4V5zM9 9h6M9 12h3',
  edit: 'M5 19l1-4L16 5l3 3L9 18l-4 1z',
  remove: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12',
  react: 'M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM9 10v.5M15 10v.5M8.500 14a4 4 0 0 0 7 0',
  members:
    'M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM3 20a6 6 0 0 1 12 0M16 4.500a3.500 3.500 0 0 1 0 6.500M17.500 14.500A6 6 0 0 1 21 20',
  leave: 'M14 5H6v14h8M11 12h10M17 8l4 4-4 4',
  down: 'M6 9l6 6 6-6',
  clock: 'M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM12 8v4l3 2',
  sent: 'M5 12.500l4.500 4.500L19 7.500',
  received: 'M2 12.500l4.500 4.500L16 7.500M12 16l1.500 1.500L22 8',
  failed: 'M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM12 8v5M12 15.500v.5',
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration: the text or the label beside it says the same. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
