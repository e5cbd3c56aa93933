using System.Reflection.Emit;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Structure;
using Label = ILGPU.Compiler.Structure.Label;
using Target = System.Reflection.Emit.Label;

namespace ILGPU.Compiler.Cpu;

/// <content>
/// Control flow of a vector's lanes. A mask (null: all lanes) says which lanes are where the code is; it is changed in place when lanes
/// leave for a label, which keeps them until the others arrive. Nothing runs with no lane active: numbers that lanes share would be
/// those of nobody.
/// </content>
internal sealed partial class GroupCodeGenerator
{
    /// <summary>Instructions up to which a region is worth a second copy without masks.</summary>
    private const int MaxTwice = 600;

    private readonly Dictionary<Label, LocalBuilder[]> _left = [];
    private readonly Dictionary<Region, bool> _leaves = new(ReferenceEqualityComparer.Instance);
    private bool _twice;

    private void EmitRegion(Region region, LocalBuilder[]? mask)
    {
        switch (region)
        {
            case Sequence sequence:
                EmitSequence(sequence, mask);
                break;
            case Straight straight:
                EmitRun(straight.Block.Instructions, mask);
                break;
            case Assign assign:
                EmitAssign(assign.Items, mask);
                break;
            case If branch when _lanes.IsDivergent(branch):
                EmitDivergentIf(branch, mask);
                break;
            case If branch:
                EmitIf(branch, mask);
                break;
            case Loop loop:
                EmitLoop(loop, mask);
                break;
            case Labeled labeled:
                EmitLabeled(labeled, mask);
                break;
            case Break leave when _lanes.IsMasked(leave.Label):
                for (int part = 0; part < mask!.Length; part++)
                {
                    Combine(_left[leave.Label][part], _left[leave.Label][part], mask[part], "BitwiseOr");
                    Clear(mask[part]);
                }
                break;
            case Break leave:
                _il.Emit(OpCodes.Br, _ends[leave.Label]);
                break;
        }
    }

    private void EmitSequence(Sequence sequence, LocalBuilder[]? mask)
    {
        Target? end = null;
        for (int i = 0; i < sequence.Items.Count; i++)
        {
            if (i + 1 < sequence.Items.Count && sequence.Items[i] is Straight straight && sequence.Items[i + 1] is Assign assign)
                ShareLocals(straight.Block.Instructions, assign, mask);
            EmitRegion(sequence.Items[i], mask);
            if (mask is not null && i + 1 < sequence.Items.Count && LeavesMasked(sequence.Items[i]))
            {
                end ??= _il.DefineLabel();
                PushAny(mask);
                _il.Emit(OpCodes.Brfalse, end.Value);
            }
        }
        if (end is { } label)
            _il.MarkLabel(label);
    }

    private void EmitIf(If branch, LocalBuilder[]? mask)
    {
        Target otherwise = _il.DefineLabel();
        Target end = _il.DefineLabel();
        PushBase(branch.Condition);
        _il.Emit(OpCodes.Brfalse, otherwise);
        EmitRegion(branch.Then, mask);
        _il.Emit(OpCodes.Br, end);
        _il.MarkLabel(otherwise);
        EmitRegion(branch.Else, mask);
        _il.MarkLabel(end);
    }

    private void EmitDivergentIf(If branch, LocalBuilder[]? mask)
    {
        bool leaves = LeavesMasked(branch);
        LocalBuilder[] then = NewMask();
        LocalBuilder[] otherwise = NewMask();
        for (int part = 0; part < then.Length; part++)
        {
            PushPart(branch.Condition, 0, part);
            _il.Emit(OpCodes.Stloc, then[part]);
            if (mask is null)
            {
                _il.Emit(OpCodes.Ldloc, then[part]);
                _code.Call("OnesComplement", typeof(int), 1);
                _il.Emit(OpCodes.Stloc, otherwise[part]);
            }
            else
            {
                Combine(otherwise[part], mask[part], then[part], "AndNot");
                Combine(then[part], mask[part], then[part], "BitwiseAnd");
            }
        }
        EmitSide(branch.Then, then);
        EmitSide(branch.Else, otherwise);
        if (leaves)
        {
            for (int part = 0; part < then.Length; part++)
                Combine(mask![part], then[part], otherwise[part], "BitwiseOr");
        }
        FreeMask(then);
        FreeMask(otherwise);
    }

    /// <summary>A side of a branch, for the lanes that take it, if there are any.</summary>
    private void EmitSide(Region side, LocalBuilder[] mask)
    {
        if (side.InOrder.Count == 0)
            return;
        Target end = _il.DefineLabel();
        if (IsWorthTwice(side) && !LeavesMasked(side))
        {
            Target some = _il.DefineLabel();
            PushAll(mask);
            _il.Emit(OpCodes.Brfalse, some);
            EmitTwice(side, null);
            _il.Emit(OpCodes.Br, end);
            _il.MarkLabel(some);
            PushAny(mask);
            _il.Emit(OpCodes.Brfalse, end);
            EmitTwice(side, mask);
        }
        else
        {
            PushAny(mask);
            _il.Emit(OpCodes.Brfalse, end);
            EmitRegion(side, mask);
        }
        _il.MarkLabel(end);
    }

    /// <summary>One of the two copies of a region; what is inside is not copied again.</summary>
    private void EmitTwice(Region region, LocalBuilder[]? mask)
    {
        _twice = true;
        EmitRegion(region, mask);
        _twice = false;
    }

    /// <summary>Whether a region has loops or accesses that run better without masks, and is small enough to be there twice.</summary>
    private bool IsWorthTwice(Region region)
    {
        (int instructions, bool gains) = Weigh(region);
        return !_twice && gains && instructions <= MaxTwice;

        static (int, bool) Weigh(Region region) => region switch
        {
            Sequence sequence => sequence.Items.Select(Weigh).Aggregate((0, false), (a, b) => (a.Item1 + b.Item1, a.Item2 | b.Item2)),
            Straight straight => (straight.Block.Instructions.Count,
                straight.Block.Instructions.Any(i => i.Op is Opcode.Load or Opcode.Store)),
            If branch => Both(Weigh(branch.Then), Weigh(branch.Else)),
            Loop loop => (Weigh(loop.Body).Item1, true),
            Labeled labeled => Weigh(labeled.Body),
            _ => (0, false),
        };

        static (int, bool) Both((int, bool) a, (int, bool) b) => (a.Item1 + b.Item1, a.Item2 | b.Item2);
    }

    private void EmitLoop(Loop loop, LocalBuilder[]? mask)
    {
        Target start = _il.DefineLabel();
        if (_lanes.IsMasked(loop.Label))
        {
            LocalBuilder[] active = mask ?? FullMask();
            LocalBuilder[] left = EmptyMask();
            _left[loop.Label] = left;
            _il.MarkLabel(start);
            EmitRegion(loop.Body, active);
            PushAny(active);
            _il.Emit(OpCodes.Brtrue, start);
            for (int part = 0; part < left.Length; part++)
            {
                _il.Emit(OpCodes.Ldloc, left[part]);
                _il.Emit(OpCodes.Stloc, active[part]);
            }
            FreeMask(left);
            if (mask is null)
                FreeMask(active);
            return;
        }
        Target end = _il.DefineLabel();
        _ends[loop.Label] = end;
        _il.MarkLabel(start);
        EmitRegion(loop.Body, mask);
        if (mask is not null && LeavesMasked(loop.Body))
        {
            PushAny(mask);
            _il.Emit(OpCodes.Brtrue, start);
        }
        else
        {
            _il.Emit(OpCodes.Br, start);
        }
        _il.MarkLabel(end);
    }

    private void EmitLabeled(Labeled labeled, LocalBuilder[]? mask)
    {
        if (!_lanes.IsMasked(labeled.Label))
        {
            Target end = _il.DefineLabel();
            _ends[labeled.Label] = end;
            EmitRegion(labeled.Body, mask);
            _il.MarkLabel(end);
            return;
        }
        LocalBuilder[] active = mask ?? FullMask();
        LocalBuilder[] left = EmptyMask();
        _left[labeled.Label] = left;
        EmitRegion(labeled.Body, active);
        for (int part = 0; part < left.Length; part++)
            Combine(active[part], active[part], left[part], "BitwiseOr");
        FreeMask(left);
        if (mask is null)
            FreeMask(active);
    }

    /// <summary>Whether lanes may leave a region for a label around it while others stay.</summary>
    private bool LeavesMasked(Region region)
    {
        if (!_leaves.TryGetValue(region, out bool leaves))
        {
            Region[] whole = [.. region.Whole];
            HashSet<Label> inside =
                [.. whole.OfType<Loop>().Select(loop => loop.Label), .. whole.OfType<Labeled>().Select(labeled => labeled.Label)];
            leaves = whole.OfType<Break>().Any(leave => _lanes.IsMasked(leave.Label) && !inside.Contains(leave.Label));
            _leaves.Add(region, leaves);
        }
        return leaves;
    }

    private LocalBuilder[] NewMask()
    {
        var mask = new LocalBuilder[_vectors.Parts(typeof(int))];
        for (int part = 0; part < mask.Length; part++)
            mask[part] = Take(_vectors.Vector(typeof(int)));
        return mask;
    }

    private LocalBuilder[] FullMask() => Filled(-1);

    private LocalBuilder[] EmptyMask() => Filled(0);

    private LocalBuilder[] Filled(int lane)
    {
        LocalBuilder[] mask = NewMask();
        foreach (LocalBuilder part in mask)
        {
            _il.Emit(OpCodes.Ldc_I4, lane);
            _code.Broadcast(typeof(int));
            _il.Emit(OpCodes.Stloc, part);
        }
        return mask;
    }

    private void FreeMask(LocalBuilder[] mask) => Array.ForEach(mask, Free);

    private void Clear(LocalBuilder mask)
    {
        _il.Emit(OpCodes.Ldc_I4_0);
        _code.Broadcast(typeof(int));
        _il.Emit(OpCodes.Stloc, mask);
    }

    private void Combine(LocalBuilder target, LocalBuilder a, LocalBuilder b, string operation)
    {
        _il.Emit(OpCodes.Ldloc, a);
        _il.Emit(OpCodes.Ldloc, b);
        _code.Call(operation, typeof(int), 2);
        _il.Emit(OpCodes.Stloc, target);
    }

    private void PushAny(LocalBuilder[] mask) => PushCombined(mask, "BitwiseOr", "AnyDiffers", 0);

    private void PushAll(LocalBuilder[] mask) => PushCombined(mask, "BitwiseAnd", "AllEqual", -1);

    private void PushCombined(LocalBuilder[] mask, string combine, string test, int than)
    {
        _il.Emit(OpCodes.Ldloc, mask[0]);
        foreach (LocalBuilder part in mask[1..])
        {
            _il.Emit(OpCodes.Ldloc, part);
            _code.Call(combine, typeof(int), 2);
        }
        _il.Emit(OpCodes.Ldc_I4, than);
        _code.Broadcast(typeof(int));
        _code.Call(test, typeof(int), 2);
    }

    /// <summary>Runs code for each lane of a mask, whose number is then in <see cref="_lane"/>.</summary>
    private void ForLanes(LocalBuilder[]? mask, Action body)
    {
        Target start = _il.DefineLabel();
        if (mask is null)
        {
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Stloc, _lane);
            _il.MarkLabel(start);
            body();
            _il.Emit(OpCodes.Ldloc, _lane);
            _il.Emit(OpCodes.Ldc_I4_1);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Stloc, _lane);
            _il.Emit(OpCodes.Ldloc, _lane);
            _il.Emit(OpCodes.Ldc_I4, Lanes);
            _il.Emit(OpCodes.Blt, start);
            return;
        }
        Target end = _il.DefineLabel();
        for (int part = 0; part < mask.Length; part++)
        {
            _il.Emit(OpCodes.Ldloc, mask[part]);
            _il.Emit(OpCodes.Call, _vectors.Method("ExtractMostSignificantBits", typeof(int), _vectors.Vector(typeof(int))));
            _il.Emit(OpCodes.Conv_U4);
            if (part > 0)
            {
                _il.Emit(OpCodes.Ldc_I4, part * _vectors.Count(typeof(int)));
                _il.Emit(OpCodes.Shl);
                _il.Emit(OpCodes.Or);
            }
        }
        _il.Emit(OpCodes.Stloc, _bits);
        _il.MarkLabel(start);
        _il.Emit(OpCodes.Ldloc, _bits);
        _il.Emit(OpCodes.Brfalse, end);
        _il.Emit(OpCodes.Ldloc, _bits);
        ScalarCode.Call(_il, typeof(System.Numerics.BitOperations), nameof(System.Numerics.BitOperations.TrailingZeroCount), typeof(uint));
        _il.Emit(OpCodes.Stloc, _lane);
        body();
        _il.Emit(OpCodes.Ldloc, _bits);
        _il.Emit(OpCodes.Ldloc, _bits);
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.And);
        _il.Emit(OpCodes.Stloc, _bits);
        _il.Emit(OpCodes.Br, start);
        _il.MarkLabel(end);
    }
}
