using System.Numerics;

namespace CudaEmulation;

/// <summary>Instructions of tensor cores, and the copies that feed them.</summary>
internal static unsafe partial class InstructionSet
{
    private static void TensorCores()
    {
        MatrixProduct("tf32", 8, static (register, _) => BitConverter.UInt32BitsToSingle(register & 0xFFFFE000));
        MatrixProduct(
            "bf16", 16, static (register, half) => BitConverter.UInt32BitsToSingle(half == 0 ? register << 16 : register & 0xFFFF0000));
        MatrixProduct("f16", 16, static (register, half) => (float)BitConverter.UInt16BitsToHalf((ushort)(register >> (16 * half))));
        Known.Add("ldmatrix.sync.aligned.m8n8.x4.shared.b16", (decoder, o) =>
        {
            if (o.Length != 2)
                return null;
            int[] targets = [.. Elements(decoder, o[0], 4).Select(register => decoder.Target(register, "b32"))];
            Place place = Places(decoder, o[1], "shared", 16);
            return (warp, mask) =>
            {
                RequireWarp(warp, mask);
                for (int lane = 0; lane < Warp.Lanes; lane++)
                {
                    // Lane 8 m + r names row r of matrix m, of which lane 4 r + i gets the i-th four bytes.
                    uint* row = (uint*)place.ForRead(warp, lane);
                    for (int i = 0; i < 4; i++)
                        ((uint*)(warp.Registers + targets[lane / 8]))[(lane % 8 * 4) + i] = row[i];
                }
            };
        });
        Known.Add("cp.async.cg.shared.global", CopyAsync);
        Known.Add("cp.async.commit_group", (_, o) => o.Length == 0 ? (warp, mask) => warp.Copies.Commit(mask) : null);
        Known.Add("cp.async.wait_group", (_, o) => o is [NumberOperand { Bits: >= 0 } pending]
            ? (warp, mask) => warp.Copies.Wait(mask, (int)pending.Bits) : null);
    }

    /// <summary>
    /// Products of 16 x depth by depth x 8, summed as <see cref="TensorCoreSum"/> says; the registers of a lane are numbered as in the PTX
    /// ISA.
    /// </summary>
    private static void MatrixProduct(string type, int depth, Func<uint, int, float> element)
    {
        int perRegister = depth / 8;
        Known.Add($"mma.sync.aligned.m16n8k{depth}.row.col.f32.{type}.{type}.f32", (decoder, o) =>
        {
            if (o.Length != 4)
                return null;
            int[] d = [.. Elements(decoder, o[0], 4).Select(register => decoder.Target(register, "f32"))];
            int[] a = [.. Elements(decoder, o[1], 4).Select(register => decoder.Source(register, "b32"))];
            int[] b = [.. Elements(decoder, o[2], 2).Select(register => decoder.Source(register, "b32"))];
            int[] c = [.. Elements(decoder, o[3], 4).Select(register => decoder.Source(register, "f32"))];
            return (warp, mask) =>
            {
                RequireWarp(warp, mask);
                float* rows = stackalloc float[16 * 16], columns = stackalloc float[8 * 16], sums = stackalloc float[4 * Warp.Lanes];
                double* products = stackalloc double[16];
                for (int k = 0; k < depth; k++)
                {
                    // The lane of a group of four, and the upper registers from half of the depth on.
                    int lane = k % (depth / 2) / perRegister, upper = k / (depth / 2);
                    for (int row = 0; row < 16; row++)
                    {
                        rows[(row * 16) + k] = element(
                            ((uint*)(warp.Registers + a[(2 * upper) + (row / 8)]))[(row % 8 * 4) + lane], k % perRegister);
                    }
                    for (int column = 0; column < 8; column++)
                        columns[(column * 16) + k] = element(((uint*)(warp.Registers + b[upper]))[(column * 4) + lane], k % perRegister);
                }
                for (int lane = 0; lane < Warp.Lanes; lane++)
                {
                    for (int i = 0; i < 4; i++)
                    {
                        float* row = rows + (((lane / 4) + (i / 2 * 8)) * 16), column = columns + (((lane % 4 * 2) + (i % 2)) * 16);
                        for (int k = 0; k < depth; k++)
                            products[k] = (double)row[k] * column[k];
                        sums[(i * Warp.Lanes) + lane] = TensorCoreSum.Add(
                            ((float*)(warp.Registers + c[i]))[lane], new ReadOnlySpan<double>(products, depth));
                    }
                }
                for (int i = 0; i < 4; i++)
                    new Span<float>(sums + (i * Warp.Lanes), Warp.Lanes).CopyTo(new Span<float>(warp.Registers + d[i], Warp.Lanes));
            };
        });
    }

    private static Step? CopyAsync(PtxDecoder decoder, Operand[] o)
    {
        if (o is not [_, AddressOperand source, NumberOperand { Bits: 16 }, .. { Length: <= 1 }])
            return null;
        Place target = Places(decoder, o[0], "shared", 16), whole = Places(decoder, source, "global", 16);
        Place[] words =
            [.. Enumerable.Range(0, 4).Select(i => Places(decoder, source with { Offset = source.Offset + (4 * i) }, "global", 4))];
        int size = o.Length == 4 ? decoder.Source(o[3], "b32") : -1;
        return (warp, mask) =>
        {
            byte* unfinished = stackalloc byte[16];
            new Span<byte>(unfinished, 16).Fill(0xCD);
            for (uint m = mask; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                int bytes = size < 0 ? 16 : ((int*)(warp.Registers + size))[lane];
                if (bytes is < 0 or > 16 || bytes % 4 != 0)
                    throw warp.Fault(lane, $"a copy of {bytes} bytes");
                byte[] read = new byte[16];
                if (bytes == 16)
                    new Span<byte>(whole.ForRead(warp, lane), 16).CopyTo(read);
                for (int i = 0; bytes < 16 && i < bytes / 4; i++)
                    new Span<byte>(words[i].ForRead(warp, lane), 4).CopyTo(read.AsSpan(4 * i));
                // Until it is waited for nobody may count on what was there nor on what comes.
                byte* place = target.ForWrite(warp, lane, unfinished);
                new Span<byte>(unfinished, 16).CopyTo(new Span<byte>(place, 16));
                warp.Copies.Start(lane, (uint)(place - warp.Group.Shared), read);
            }
        };
    }

    private static void RequireWarp(Warp warp, uint mask)
    {
        if (mask != uint.MaxValue)
            throw warp.Fault(BitOperations.TrailingZeroCount(~mask), "not all lanes of the warp arrive");
    }
}
