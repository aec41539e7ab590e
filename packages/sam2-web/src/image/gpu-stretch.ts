/** `stretch.ts` as compute shaders: the same integer arithmetic, so the results are equal to the bit. */
import { type Axis, triangleAxis } from "sam2-core";

const GROUP = 64;

/** A shader that blends along one axis; each invocation makes one pixel. A pixel is RGBA, 8 bits each, in one u32. */
const shader = (read: string, out: { rows: boolean }): string => /* wgsl */ `
struct Sizes { width: u32, height: u32, shift: u32 }
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> taps: array<vec3u>; // first input, first weight, how many
@group(0) @binding(2) var<storage, read> weights: array<i32>;
@group(0) @binding(3) var<storage, read_write> result: array<u32>;
${read}
@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= sizes.width || id.y >= sizes.height) { return; }
  let tap = taps[${out.rows ? "id.y" : "id.x"}];
  var sum = vec3i(1 << (sizes.shift - 1));
  for (var i = 0u; i < tap.z; i++) {
    sum += weights[tap.y + i] * pixel(${out.rows ? "id.x, tap.x + i" : "tap.x + i, id.y"});
  }
  let rgb = clamp(sum >> vec3u(sizes.shift), vec3i(0), vec3i(255));
  result[id.y * sizes.width + id.x] = u32(rgb.x) | (u32(rgb.y) << 8) | (u32(rgb.z) << 16) | 0xff000000u;
}`;

const COLUMNS = shader(
  /* wgsl */ `
@group(0) @binding(4) var picture: texture_2d<f32>;
fn pixel(x: u32, y: u32) -> vec3i { return vec3i(round(255 * textureLoad(picture, vec2u(x, y), 0).rgb)); }`,
  { rows: false },
);

const ROWS = shader(
  /* wgsl */ `
@group(0) @binding(4) var<storage, read> narrow: array<u32>;
fn pixel(x: u32, y: u32) -> vec3i {
  let value = narrow[y * sizes.width + x];
  return vec3i(vec3u(value, value >> 8, value >> 16) & vec3u(255));
}`,
  { rows: true },
);

/**
 * Stretches a picture to `size`×`size` on a GPU, as `stretch` does on the CPU.
 *
 * @returns RGB [size,size,3], or null where the GPU cannot hold the picture
 */
export async function stretchOnGpu(
  device: GPUDevice,
  picture: ImageBitmap,
  size: number,
): Promise<Uint8ClampedArray | null> {
  const { width, height } = picture;
  const { maxTextureDimension2D, maxStorageBufferBindingSize } = device.limits;
  const narrowBytes = 4 * size * height;
  if (Math.max(width, height) > maxTextureDimension2D || narrowBytes > maxStorageBufferBindingSize) return null;
  const kept: { destroy(): void }[] = [];
  const buffer = (bytes: number, usage: number): GPUBuffer => {
    const made = device.createBuffer({ size: bytes, usage });
    kept.push(made);
    return made;
  };
  const filled = (data: Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>, usage: number): GPUBuffer => {
    const made = buffer(data.byteLength, usage | GPUBufferUsage.COPY_DST);
    device.queue.writeBuffer(made, 0, data);
    return made;
  };
  for (const filter of ["out-of-memory", "validation", "internal"] as const) device.pushErrorScope(filter);
  const texture = device.createTexture({
    size: [width, height],
    format: "rgba8unorm",
    usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT,
  });
  kept.push(texture);
  // multiplying by alpha lays transparent pixels over black
  device.queue.copyExternalImageToTexture({ source: picture }, { texture, premultipliedAlpha: true }, [width, height]);
  const narrow = buffer(narrowBytes, GPUBufferUsage.STORAGE);
  const small = buffer(4 * size * size, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
  const readable = buffer(4 * size * size, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
  const commands = device.createCommandEncoder();
  const blend = (code: string, axis: Axis, rows: number, source: GPUBindingResource, target: GPUBuffer): void => {
    const pipeline = device.createComputePipeline({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }) },
    });
    // in WGSL, elements of array<vec3u> are 16 bytes apart
    const taps = new Uint32Array(4 * axis.counts.length);
    let first = 0;
    for (const [i, count] of axis.counts.entries()) {
      taps.set([axis.starts[i] as number, first, count], 4 * i);
      first += count;
    }
    const resources = [
      { buffer: filled(Uint32Array.of(size, rows, axis.shift, 0), GPUBufferUsage.UNIFORM) },
      { buffer: filled(taps, GPUBufferUsage.STORAGE) },
      { buffer: filled(new Int32Array(axis.weights), GPUBufferUsage.STORAGE) },
      { buffer: target },
      source,
    ];
    const pass = commands.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: resources.map((resource, binding) => ({ binding, resource })),
      }),
    );
    pass.dispatchWorkgroups(Math.ceil(size / GROUP), rows);
    pass.end();
  };
  blend(COLUMNS, triangleAxis(width, size), height, texture.createView(), narrow);
  blend(ROWS, triangleAxis(height, size), size, { buffer: narrow }, small);
  commands.copyBufferToBuffer(small, 0, readable, 0, readable.size);
  device.queue.submit([commands.finish()]);
  try {
    const errors = await Promise.all([device.popErrorScope(), device.popErrorScope(), device.popErrorScope()]);
    if (errors.some((error) => error !== null)) return null;
    await readable.mapAsync(GPUMapMode.READ);
    const rgba = new Uint8Array(readable.getMappedRange());
    const rgb = new Uint8ClampedArray(3 * size * size);
    for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
      rgb[to] = rgba[from] as number;
      rgb[to + 1] = rgba[from + 1] as number;
      rgb[to + 2] = rgba[from + 2] as number;
    }
    return rgb;
  } finally {
    for (const thing of kept) thing.destroy();
  }
}
