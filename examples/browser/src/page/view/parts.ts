/** @file Small pieces of the page that several sections use. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { percent } from '../text.js';

interface ButtonOptions {
  id?: string;
  label: unknown;
  action: () => unknown;
  primary?: boolean;
  /** Why it cannot be pressed; a tooltip says so. The button keeps the focus. */
  locked?: string | false;
  kind?: string;
  pressed?: boolean;
}

/** A button. One that is locked can still have the focus, which would otherwise fall to the body. */
export function button({
  id,
  label,
  action,
  primary,
  locked = false,
  kind = '',
  pressed,
}: ButtonOptions): TemplateResult {
  return html`<button
    type="button"
    id=${id ?? nothing}
    class="${primary ? 'primary' : ''} ${kind}"
    aria-disabled=${locked === false ? nothing : 'true'}
    aria-pressed=${pressed === undefined ? nothing : String(pressed)}
    title=${locked || nothing}
    @click=${() => locked === false && action()}
  >${label}</button>`;
}

/** Both sides' shares as a bar, A from the left. */
export function sharesBar(probabilityA: number, label: string): TemplateResult {
  const [a, b] = [probabilityA, 1 - probabilityA];
  // a narrow part has no room for a text that is not cut off
  const text = (side: string, share: number) => (share < 0.2 ? '' : `${side} ${percent(share, 0)}`);
  return html`<div class="shares" role="img" aria-label="${label}: A ${percent(a, 0)}, B ${percent(b, 0)}">
    <span class="of-a" style="width:${100 * a}%">${text('A', a)}</span>
    <span class="of-b">${text('B', b)}</span>
  </div>`;
}

/** Names and values. */
export function facts(entries: [name: unknown, value: unknown][]): TemplateResult {
  return html`<dl>${entries.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** A word with its meaning in a sentence, for pointers, keyboards and screen readers. */
export function term(word: string, meaning: string): TemplateResult {
  return html`<abbr tabindex="0" title=${meaning}>${word}</abbr>`;
}

/** A field for files, and the area around it on which they can be dropped. The same file can be chosen twice. */
export function drop(
  id: string,
  label: string,
  accept: string,
  use: (files: File[]) => unknown,
  locked: boolean,
): TemplateResult {
  const take = (list: FileList | null | undefined) => {
    const files = [...(list ?? [])];
    if (files.length && !locked) void use(files);
  };
  const over = (event: DragEvent, is: boolean) => {
    event.preventDefault();
    (event.currentTarget as HTMLElement).classList.toggle('over', is);
  };
  return html`<div
    class="drop"
    @dragover=${(event: DragEvent) => over(event, true)}
    @dragleave=${(event: DragEvent) => over(event, false)}
    @drop=${(event: DragEvent) => {
      over(event, false);
      take(event.dataTransfer?.files);
    }}
  >
    <label for=${id}>${label}</label>
    <input
      id=${id}
      type="file"
      multiple
      accept=${accept}
      ?disabled=${locked}
      @change=${({ target }: Event) => {
        const input = target as HTMLInputElement;
        take(input.files);
        input.value = '';
      }}
    />
  </div>`;
}
