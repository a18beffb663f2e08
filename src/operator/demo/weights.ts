/** A small LoRA for SD 1.5, enough of one to be recognised; the same bytes for the same name. */
export function smallLora(name: string, words: readonly string[], rank = 4): Buffer {
  const shapes: [string, number[]][] = ['lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k'].flatMap(
    (module): [string, number[]][] => [
      [`${module}.alpha`, []],
      [`${module}.lora_down.weight`, [rank, 768]],
      [`${module}.lora_up.weight`, [1280, rank]],
    ],
  );
  const header: Record<string, unknown> = {
    __metadata__: {
      ss_base_model_version: 'sd_v1',
      ss_network_module: 'networks.lora',
      ss_network_dim: String(rank),
      ss_network_alpha: String(rank / 2),
      ss_output_name: name,
      ss_num_train_images: '24',
      ss_num_epochs: '10',
      ss_learning_rate: '0.0001',
      ss_tag_frequency: JSON.stringify({ [`8_${name}`]: Object.fromEntries(words.map((word, n) => [word, 24 - n])) }),
    },
  };
  let totalBytes = 0;
  for (const [tensor, shape] of shapes) {
    const end = totalBytes + shape.reduce((product, side) => product * side, 1) * 2;
    header[tensor] = { dtype: 'F16', shape, data_offsets: [totalBytes, end] };
    totalBytes = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const text = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  // small halves that differ from name to name: 0x2000 is 2⁻⁷
  const weights = Buffer.alloc(totalBytes);
  let state = [...name].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7) >>> 0;
  for (let at = 0; at < totalBytes; at += 2) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    weights.writeUInt16LE((state >>> 31) * 0x8000 + 0x1c00 + ((state >>> 16) & 0x3ff), at);
  }
  return Buffer.concat([length, text, weights]);
}
