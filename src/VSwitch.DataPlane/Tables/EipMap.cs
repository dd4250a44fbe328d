using System.Numerics;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Tables;

/// <summary>From a public address to its EIP, with what every packet from outside asks of it in the same 16 bytes: one line, one
/// product. In native memory; filled once, then only read, by any thread. At most half full.</summary>
public sealed unsafe class EipMap : IDisposable
{
    private readonly HugeMemory _memory;
    private readonly Slot* _slots;
    private readonly uint _mask;
    private readonly int _shift;

    /// <summary>Makes room for <paramref name="capacity"/> addresses.</summary>
    public EipMap(int capacity)
    {
        uint slots = BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, capacity * 2));
        _memory = new HugeMemory(slots * (nuint)sizeof(Slot));
        _slots = (Slot*)_memory.Address;
        _mask = slots - 1;
        _shift = 32 - BitOperations.Log2(slots);
    }

    /// <summary>What a packet from outside asks of an EIP.</summary>
    public struct Slot
    {
        /// <summary>Public address, raw.</summary>
        public uint Address;

        /// <summary>Private address, raw; 0 when unbound.</summary>
        public uint Private;

        /// <summary>Index into <see cref="ForwardingSnapshot.Eips"/>; 0 = no such EIP.</summary>
        public int Number;

        /// <summary>VPC index; 0 when it stands for no one private address.</summary>
        public ushort Vpc;

        /// <summary>NAT gateway: index into <see cref="ForwardingSnapshot.NatGateways"/>, 0 = none.</summary>
        public ushort Nat;
    }

    /// <summary>Addresses.</summary>
    public int Count { get; private set; }

    /// <summary>Adds an EIP under its number, from 1. An address that is there already keeps its first EIP.</summary>
    public void Add(in Eip eip, int number)
    {
        Slot* slot = Find(eip.Address);
        if (slot->Number == 0)
        {
            ushort vpc = eip.Private == 0 ? (ushort)0 : eip.Vpc;
            *slot = new Slot { Address = eip.Address, Private = eip.Private, Number = number, Vpc = vpc, Nat = eip.Nat };
            Count++;
        }
    }

    /// <summary>The slot of an address (raw), or one with number, VPC and private address 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Slot* Find(uint address)
    {
        // Addresses of one network differ in the high bits of the raw word only, so the product's top bits are taken.
        uint i = (address * 0x9E37_79B1u) >> _shift;
        while (true)
        {
            Slot* slot = _slots + i;
            if (slot->Address == address || slot->Number == 0)
            {
                return slot;
            }

            i = (i + 1) & _mask;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
