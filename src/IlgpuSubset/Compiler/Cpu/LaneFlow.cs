using System.Numerics.Tensors;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Control flow over lanes by masks: a branch runs both sides, each with the lanes that take it; a loop repeats while any lane is left; a lane that
/// breaks or continues waits in its label's mask until the others arrive there. Where all lanes go one way, the other side is not run.
/// </summary>
internal static class LaneFlow
{
    public static LaneStep Sequence(LaneStep[] steps) => steps.Length == 1 ? steps[0] : group =>
    {
        foreach (LaneStep step in steps)
        {
            step(group);
            // All lanes left by a break or continue.
            if (group.Active == 0)
                return;
        }
    };

    /// <summary>A branch that all lanes take alike.</summary>
    public static unsafe LaneStep UniformIf(int condition, LaneStep? whenTrue, LaneStep? whenFalse) => group =>
        (*group.Int32(condition) != 0 ? whenTrue : whenFalse)?.Invoke(group);

    /// <summary>A branch that parts the lanes.</summary>
    /// <param name="condition">An i1 per lane.</param>
    /// <param name="saved">A unit for the mask before the branch.</param>
    /// <param name="arrived">A unit for the lanes that came through the first side.</param>
    /// <param name="whenTrue">The first side.</param>
    /// <param name="whenFalse">The second side.</param>
    public static LaneStep DivergentIf(int condition, int saved, int arrived, LaneStep? whenTrue, LaneStep? whenFalse) => group =>
    {
        int lanes = group.Lanes;
        Span<int> mask = group.Int32s(LaneProgram.MaskUnit, lanes), before = group.Int32s(saved, lanes), through = group.Int32s(arrived, lanes);
        Span<int> holds = group.Int32s(condition, lanes);
        int active = group.Active;
        mask.CopyTo(before);
        TensorPrimitives.BitwiseAnd<int>(before, holds, mask);
        group.CountActive();
        if (group.Active == active)
        {
            whenTrue?.Invoke(group);
            return;
        }
        if (group.Active == 0)
        {
            before.CopyTo(mask);
            group.Active = active;
            whenFalse?.Invoke(group);
            return;
        }
        whenTrue?.Invoke(group);
        mask.CopyTo(through);
        for (int lane = 0; lane < lanes; lane++)
            mask[lane] = before[lane] & ~holds[lane];
        group.CountActive();
        whenFalse?.Invoke(group);
        TensorPrimitives.BitwiseOr<int>(mask, through, mask);
        group.CountActive();
    };

    /// <summary>Repeats until no lane is left; then the lanes that broke to the loop's label go on.</summary>
    public static LaneStep Loop(LaneStep body, int broken, int continued) => group =>
    {
        int lanes = group.Lanes;
        group.Int32s(broken, lanes).Clear();
        do
        {
            group.Int32s(continued, lanes).Clear();
            body(group);
            Rejoin(group, continued);
        }
        while (group.Active > 0);
        Rejoin(group, broken);
    };

    /// <summary>Runs once; then the lanes that broke to the label go on with the others.</summary>
    public static LaneStep Labeled(LaneStep body, int broken) => group =>
    {
        group.Int32s(broken, group.Lanes).Clear();
        body(group);
        Rejoin(group, broken);
    };

    /// <summary>Sends the active lanes to wait in a label's mask.</summary>
    public static LaneStep Leave(int waiting) => group =>
    {
        Span<int> mask = group.Int32s(LaneProgram.MaskUnit, group.Lanes), there = group.Int32s(waiting, group.Lanes);
        TensorPrimitives.BitwiseOr<int>(there, mask, there);
        mask.Clear();
        group.Active = 0;
    };

    private static void Rejoin(GroupState group, int waiting)
    {
        Span<int> mask = group.Int32s(LaneProgram.MaskUnit, group.Lanes);
        TensorPrimitives.BitwiseOr<int>(mask, group.Int32s(waiting, group.Lanes), mask);
        group.CountActive();
    }
}
