/** The list below or above a text field, whose keys choose among the options. */
interface OptionsProps {
  id: string;
  label: string;
  options: readonly { userId: string; name: string }[];
  active: number;
  onChoose(userId: string): void;
}

export function Options({ id, label, options, active, onChoose }: OptionsProps) {
  return (
    <div class="options" id={id} role="listbox" aria-label={label} hidden={options.length === 0}>
      {options.map(({ userId, name }, index) => (
        <div
          key={userId}
          id={`${id}-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === active}
          // The field keeps the focus.
          onPointerDown={(event) => {
            event.preventDefault();
            onChoose(userId);
          }}
        >
          {name} <span class="faint">{userId}</span>
        </div>
      ))}
    </div>
  );
}
