/**
 * @file The keys of adapter weights: as PEFT saves them, and as `state_dict()` has them before PEFT takes off the adapter's
 * name and what torch.compile, DDP and FSDP put in between (peft/utils/save_and_load.py).
 */

/** What PEFT puts in front of each key. */
export const PREFIX = 'base_model.model.';

/** What a key names: a matrix of a module, the classifier head, or a copy that training left behind. */
export type AdapterKey =
  | { kind: 'lora_A' | 'lora_B'; path: string; adapter?: string }
  | { kind: 'head'; adapter?: string }
  | { kind: 'passed' };

/** Wrappers that stand for nothing: torch.compile, FSDP, activation checkpointing; DDP in front of all. */
const WRAPPERS = /(?<=^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;
const FRONT = /^(?:module\.)*(?:base_model\.model\.)*/;

/** Reads a key. @returns why it cannot be read, where it is neither a matrix nor the head. */
export function readAdapterKey(key: string): AdapterKey | string {
  const plain = key.replaceAll(WRAPPERS, '').replace(FRONT, '');
  const matrix = /^(.+)\.lora_(A|B)\.(?:([^.]+)\.)?weight$/.exec(plain);
  if (matrix) return { kind: `lora_${matrix[2] as 'A' | 'B'}`, path: matrix[1], adapter: matrix[3] };
  const head = /^score\.(?:modules_to_save\.(?:([^.]+)\.)?)?weight$/.exec(plain);
  if (head) return { kind: 'head', adapter: head[1] };
  if (/^score\.original_module\./.test(plain)) return { kind: 'passed' }; // the head before training
  if (plain.includes('.lora_magnitude_vector')) return 'belongs to DoRA, which is not known here';
  if (plain.includes('lora_embedding_')) return 'adapts an embedding table; adapters of linear layers are known';
  if (/\.(?:modules_to_save|original_module)\./.test(plain) || /\.weight$/.test(plain))
    return 'is a module that was trained whole (modules_to_save): of those the score head alone is read';
  return 'is neither a lora_A, a lora_B nor the score head';
}
