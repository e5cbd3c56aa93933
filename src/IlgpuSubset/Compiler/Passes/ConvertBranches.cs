using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Passes;

/// <summary>
/// Replaces small branches without effects by selections, and conditions that are tested one after another by one: lanes then do
/// not part, and back ends without jumps get simpler regions.
/// </summary>
internal static class ConvertBranches
{
    /// <summary>What both sides together may cost, in simple operations; more is worth a branch.</summary>
    private const int MaxCost = 8;

    public static bool Run(IrKernel kernel)
    {
        bool any = false;
        bool changed = true;
        while (changed)
        {
            changed = false;
            var flow = new ControlFlow(kernel.Entry);
            // From the end, so that inner branches are gone before the outer ones are looked at.
            foreach (Block block in Enumerable.Reverse(flow.Blocks))
            {
                // What these change never gives a block more predecessors than the analysis says, so it stays safe to use.
                changed |= block.Terminator.Edges.Length == 2 && (SelectResults(flow, block) || CombineConditions(flow, block));
            }
            if (changed)
                SimplifyControlFlow.Run(kernel);
            any |= changed;
        }
        return any;
    }

    /// <summary>if (c) x = a; else x = b;</summary>
    private static bool SelectResults(ControlFlow flow, Block block)
    {
        Edge[] edges = block.Terminator.Edges;
        Edge? whenTrue = Through(edges[0]);
        Edge? whenFalse = Through(edges[1]);
        // Either side may be empty, but both must arrive at one place.
        (Edge First, Edge Second)? ends =
            whenTrue is not null && whenFalse is not null && whenTrue.Target == whenFalse.Target ? (whenTrue, whenFalse)
            : whenTrue is not null && whenTrue.Target == edges[1].Target ? (whenTrue, edges[1])
            : whenFalse is not null && whenFalse.Target == edges[0].Target ? (edges[0], whenFalse)
            : null;
        if (ends is not var (first, second) || first.Target == block)
            return false;
        int cost = (first == edges[0] ? 0 : Cost(edges[0].Target)) + (second == edges[1] ? 0 : Cost(edges[1].Target));
        int selections = first.Arguments.Zip(second.Arguments).Count(pair => pair.First != pair.Second);
        if (cost + selections > MaxCost)
            return false;
        if (first != edges[0])
            Hoist(edges[0], block);
        if (second != edges[1])
            Hoist(edges[1], block);
        var arguments = new Value[first.Arguments.Length];
        for (int i = 0; i < arguments.Length; i++)
        {
            arguments[i] = first.Arguments[i];
            if (arguments[i] == second.Arguments[i])
                continue;
            var select = new Instruction(Opcode.Select, arguments[i].Type, block.Terminator.Condition!, arguments[i], second.Arguments[i])
            {
                Location = block.Terminator.Location,
            };
            block.Instructions.Add(select);
            arguments[i] = select;
        }
        block.Terminator = Terminator.Jump(first.Target, arguments);
        return true;

        // The way on from a side that can run whether or not it is chosen.
        Edge? Through(Edge edge) =>
            edge.Target != block && flow.Incoming(edge.Target).Count == 1 && edge.Target.Parameters.Count == 0
            && edge.Target.Terminator.Edges is [var onward] && edge.Target.Instructions.TrueForAll(i => i.IsSpeculatable)
                ? onward
                : null;
    }

    /// <summary>if (c || d) and if (c &amp;&amp; d), which arrive as two branches with one common way.</summary>
    private static bool CombineConditions(ControlFlow flow, Block block)
    {
        for (int side = 0; side < 2; side++)
        {
            Edge other = block.Terminator.Edges[1 - side];
            Block second = block.Terminator.Edges[side].Target;
            if (second == block || second.Terminator.Edges.Length != 2 || second.Parameters.Count > 0 || flow.Incoming(second).Count != 1
                || !second.Instructions.TrueForAll(i => i.IsSpeculatable) || Cost(second) > MaxCost)
                continue;
            for (int way = 0; way < 2; way++)
            {
                Edge common = second.Terminator.Edges[way];
                if (common.Target != other.Target || !common.Arguments.SequenceEqual(other.Arguments))
                    continue;
                Hoist(block.Terminator.Edges[side], block);
                // The remaining way is taken if the first test leads to the second and that not to the common way.
                Value toSecond = side == 0 ? block.Terminator.Condition! : Not(block.Terminator.Condition!);
                Value onward = way == 1 ? second.Terminator.Condition! : Not(second.Terminator.Condition!);
                block.Terminator = Terminator.Branch(
                    Add(new Instruction(Opcode.And, IrType.I1, toSecond, onward) { Location = block.Terminator.Location }),
                    second.Terminator.Edges[1 - way], other, block.Terminator.Location);
                return true;
            }
        }
        return false;

        Value Not(Value condition) => condition is Instruction { Op: Opcode.Compare } compare
            ? Add(Instruction.Compare(Simplify.Inverse(compare.Comparison), compare.Operands[0], compare.Operands[1], compare.Location))
            : Add(new Instruction(Opcode.Xor, IrType.I1, condition, Constant.Bool(true)));

        Instruction Add(Instruction instruction)
        {
            block.Instructions.Add(instruction);
            return instruction;
        }
    }

    private static void Hoist(Edge edge, Block block)
    {
        block.Instructions.AddRange(edge.Target.Instructions);
        edge.Target.Instructions = [];
    }

    private static int Cost(Block block) => block.Instructions.Sum(i => i.Op switch
    {
        Opcode.Math or Opcode.FDiv or Opcode.FRem or Opcode.DivS or Opcode.DivU or Opcode.RemS or Opcode.RemU => MaxCost,
        _ => 1,
    });
}
