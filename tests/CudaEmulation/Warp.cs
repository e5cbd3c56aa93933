using System.Numerics;
using System.Runtime.InteropServices;

namespace CudaEmulation;

/// <summary>
/// 32 lanes of a group. Lanes that went different ways form fragments, each with its own program counter; the fragment with the lowest
/// runs, so that those ahead wait for it where the ways meet again.
/// </summary>
internal sealed unsafe class Warp : IDisposable
{
    public const int Lanes = 32;

    private const long MaxStatements = 4_000_000_000;

    private readonly int[] _counters = new int[Lanes];
    private readonly uint[] _masks = new uint[Lanes];
    private readonly bool[] _waiting = new bool[Lanes];
    private int _fragments;

    public Warp(GroupRun group, int number)
    {
        Group = group;
        Copies = new AsyncCopies(this);
        Number = number;
        PtxProgram program = group.Program;
        Registers = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(1, program.RegisterBytes), 128);
        // A pattern that shows where a register is read that nothing was written to.
        NativeMemory.Fill(Registers, (nuint)program.RegisterBytes, 0xCD);
        foreach ((int place, int size, ulong value) in program.Constants)
        {
            for (int lane = 0; lane < Lanes; lane++)
                Buffer.MemoryCopy(&value, Registers + place + lane * size, size, size);
        }
        Local = (byte*)NativeMemory.AllocZeroed((nuint)(program.Entry.LocalBytes * Lanes + 1));
    }

    public GroupRun Group { get; }

    /// <summary>Copies under way.</summary>
    public AsyncCopies Copies { get; }

    public int Number { get; }

    public byte* Registers { get; }

    /// <summary>Local memory, lane after lane.</summary>
    public byte* Local { get; }

    /// <summary>The lanes that exist and have not returned.</summary>
    public uint Live { get; private set; }

    /// <summary>The statement now running, for messages.</summary>
    public int Counter { get; private set; }

    /// <summary>How many lanes ran how many statements, together.</summary>
    public long LaneStatements { get; private set; }

    /// <summary>The barrier at which all live lanes wait.</summary>
    public int WaitingAt => _counters[0];

    /// <summary>Places the lanes at the start of a kernel.</summary>
    public void Start(int threads, ReadOnlySpan<uint> groupDim, ReadOnlySpan<uint> groupId)
    {
        Live = threads >= Lanes ? uint.MaxValue : (1u << threads) - 1;
        _fragments = 1;
        Copies.Clear();
        (_counters[0], _masks[0], _waiting[0]) = (0, Live, false);
        foreach ((string name, int place) in Group.Program.Specials)
        {
            uint* register = (uint*)(Registers + place);
            for (int lane = 0; lane < Lanes; lane++)
            {
                uint thread = (uint)(Number * Lanes + lane);
                register[lane] = name switch
                {
                    "%tid.x" => thread % groupDim[0],
                    "%tid.y" => thread / groupDim[0] % groupDim[1],
                    "%tid.z" => thread / groupDim[0] / groupDim[1],
                    "%ctaid.x" => groupId[0],
                    "%ctaid.y" => groupId[1],
                    "%ctaid.z" => groupId[2],
                    "%ntid.x" => groupDim[0],
                    "%ntid.y" => groupDim[1],
                    "%ntid.z" => groupDim[2],
                    "%nctaid.x" => Group.GridDim[0],
                    "%nctaid.y" => Group.GridDim[1],
                    "%nctaid.z" => Group.GridDim[2],
                    "%laneid" => (uint)lane,
                    "%dynamic_smem_size" => (uint)Group.DynamicSharedBytes,
                    _ => throw new PtxFault($"special register {name}"),
                };
            }
        }
    }

    /// <summary>Runs until all lanes wait at a barrier (true) or have returned (false).</summary>
    public bool Run()
    {
        while (_fragments > 0)
        {
            int chosen = -1;
            for (int i = 0; i < _fragments; i++)
            {
                if (!_waiting[i] && (chosen < 0 || _counters[i] < _counters[chosen]))
                    chosen = i;
            }
            if (chosen < 0)
            {
                if (_fragments > 1)
                {
                    throw new PtxFault(
                        $"lanes of one warp wait at {Group.Program.Describe(_counters[0])} and at {Group.Program.Describe(_counters[1])}");
                }
                if (Group.Program.Code[_counters[0]].Kind == StepKind.Barrier)
                    return true;
                chosen = 0;
            }
            RunFragment(chosen);
        }
        return false;
    }

    /// <summary>Lets all lanes go on from the barrier they wait at.</summary>
    public void PassBarrier()
    {
        _counters[0]++;
        _waiting[0] = false;
    }

    public PtxFault Fault(int lane, string what, bool isAddress = false)
    {
        int thread = Number * Lanes + lane;
        return new PtxFault($"{what} at {Group.Program.Describe(Counter)}, group {Group.Number}, thread {thread}", isAddress);
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Registers);
        NativeMemory.Free(Local);
    }

    private void RunFragment(int chosen)
    {
        int counter = _counters[chosen];
        uint mask = _masks[chosen];
        Remove(chosen);
        // Where another fragment waits for this one to arrive.
        int meeting = int.MaxValue;
        for (int i = 0; i < _fragments; i++)
        {
            if (_counters[i] >= counter)
                meeting = Math.Min(meeting, _counters[i]);
        }
        DecodedStatement[] code = Group.Program.Code;
        long statements = 0;
        int lanes = BitOperations.PopCount(mask);
        while (true)
        {
            if (counter == meeting || (uint)counter >= (uint)code.Length)
            {
                if (counter >= code.Length)
                    throw new PtxFault($"control runs over {Group.Program.Describe(counter)}");
                break;
            }
            ref DecodedStatement statement = ref code[counter];
            Counter = counter;
            uint active = mask;
            if (statement.Predicate >= 0)
            {
                uint predicate = *(uint*)(Registers + statement.Predicate);
                active &= statement.PredicateNegated ? ~predicate : predicate;
            }
            statements++;
            switch (statement.Kind)
            {
                case StepKind.Plain:
                    if (active != 0)
                        statement.Step!(this, active);
                    counter++;
                    continue;
                case StepKind.Branch or StepKind.UniformBranch:
                    if (statement.Target <= counter && (LaneStatements + statements * lanes) / Lanes > MaxStatements)
                        throw new PtxFault($"{MaxStatements} statements without an end at {Group.Program.Describe(counter)}");
                    if (active == 0)
                    {
                        counter++;
                        continue;
                    }
                    if (active == mask)
                    {
                        counter = statement.Target;
                        if (_fragments == 0)
                            continue;
                        goto stop;
                    }
                    if (statement.Kind == StepKind.UniformBranch)
                        throw Fault(BitOperations.TrailingZeroCount(active), "lanes go different ways");
                    Insert(statement.Target, active);
                    mask &= ~active;
                    counter++;
                    goto stop;
                case StepKind.Return:
                    Live &= ~active;
                    mask &= ~active;
                    counter++;
                    if (mask == 0)
                    {
                        LaneStatements += statements * lanes;
                        return;
                    }
                    continue;
                default:
                    if (statement.Kind == StepKind.WarpWide && mask == Live)
                    {
                        statement.Step?.Invoke(this, active);
                        counter++;
                        continue;
                    }
                    if (statement.Predicate >= 0)
                        throw Fault(0, "a barrier under a predicate");
                    Insert(counter, mask, waiting: true);
                    LaneStatements += (statements - 1) * lanes;
                    return;
            }
        }
    stop:
        LaneStatements += statements * lanes;
        Insert(counter, mask);
    }

    private void Insert(int counter, uint mask, bool waiting = false)
    {
        for (int i = 0; i < _fragments; i++)
        {
            if (_counters[i] == counter)
            {
                _masks[i] |= mask;
                // Those that waited look again whether all are there now.
                _waiting[i] = waiting;
                return;
            }
        }
        (_counters[_fragments], _masks[_fragments], _waiting[_fragments]) = (counter, mask, waiting);
        _fragments++;
    }

    private void Remove(int i)
    {
        _fragments--;
        (_counters[i], _masks[i], _waiting[i]) = (_counters[_fragments], _masks[_fragments], _waiting[_fragments]);
    }
}
