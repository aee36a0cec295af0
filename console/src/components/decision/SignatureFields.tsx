import { TextField } from "../Fields";

/** Name and password of one person who signs. */
export function SignatureFields(props: {
  legend: string;
  value: { name: string; password: string };
  onInput: (value: { name: string; password: string }) => void;
}) {
  const { legend, value, onInput } = props;
  return (
    <fieldset class="signature">
      <legend>{legend}</legend>
      <TextField label="User name" value={value.name} onInput={(name) => onInput({ ...value, name })} />
      <TextField
        label="Password"
        type="password"
        autocomplete="new-password"
        value={value.password}
        onInput={(password) => onInput({ ...value, password })}
      />
    </fieldset>
  );
}
