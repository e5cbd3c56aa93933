using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>Operations in which lanes see each other's values: shuffles within a warp, broadcasts and votes within the group.</summary>
internal static unsafe class LaneExchange
{
    public static LaneStep Create(Instruction i, int value, int other, int target, int warpSize) => i.Op switch
    {
        Opcode.Shuffle => group => Shuffle(group, i, value, other, target, warpSize),
        Opcode.Broadcast => group =>
            group.Fill(target, GroupState.IsWide(i.Type), Raw(group, value, i.Type, *group.Int32(other))),
        _ => group => Vote(group, i, value, target),
    };

    /// <summary>A lane whose source is outside its run, or not active, keeps its own value.</summary>
    private static void Shuffle(GroupState group, Instruction i, int value, int change, int target, int warpSize)
    {
        int width = (int)i.Immediate;
        Span<long> values = stackalloc long[warpSize];
        for (int first = 0; first < group.Threads; first += warpSize)
        {
            int lanes = Math.Min(warpSize, group.Threads - first);
            for (int lane = 0; lane < lanes; lane++)
                values[lane] = Raw(group, value, i.Type, first + lane);
            for (int lane = 0; lane < lanes; lane++)
            {
                if (group.Mask[first + lane] == 0)
                    continue;
                int by = group.Int32(change)[first + lane], start = lane / width * width;
                int source = i.Exchange switch
                {
                    ShuffleKind.Index => start + (by & (width - 1)),
                    ShuffleKind.Down => lane + by,
                    ShuffleKind.Up => lane - by,
                    _ => lane ^ by,
                };
                bool known = source >= start && source < start + width && source < lanes && group.Mask[first + source] != 0;
                Put(group, target, i.Type, first + lane, values[known ? source : lane]);
            }
        }
    }

    private static void Vote(GroupState group, Instruction i, int value, int target)
    {
        int count = 0;
        for (int lane = 0; lane < group.Threads; lane++)
            count -= group.Int32(value)[lane];
        group.Fill(target, wide: false, i.Reduction switch
        {
            BarrierReduction.PopCount => count,
            BarrierReduction.And => count == group.Threads ? -1 : 0,
            _ => count > 0 ? -1 : 0,
        });
    }

    private static long Raw(GroupState group, int unit, IrType type, int lane) =>
        GroupState.IsWide(type) ? group.Int64(unit)[lane] : group.Int32(unit)[lane];

    private static void Put(GroupState group, int unit, IrType type, int lane, long bits)
    {
        if (GroupState.IsWide(type))
            group.Int64(unit)[lane] = bits;
        else
            group.Int32(unit)[lane] = (int)bits;
    }
}
