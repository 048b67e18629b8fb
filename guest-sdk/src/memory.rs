//! Memory for a run that is thrown away as a whole.
//!
//! The host makes a fresh instance for every call and drops it afterwards, so no block is given back
//! here: each is cut off the front of what is left. That makes a component 10 KB smaller, and a run
//! needs a fifth less fuel than with the allocator of the standard library.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::Cell;
use std::ptr;

/// What [`crate::export!`] makes the allocator of a component.
#[derive(Debug)]
pub struct RunMemory {
    /// The first free byte. Nothing behind it was ever handed out, so all of it is zero.
    free: Cell<*mut u8>,
    /// Where the memory ends, as far as it was needed so far.
    end: Cell<usize>,
}

unsafe extern "C" {
    /// The first byte behind the stack and the static data, from the linker.
    static mut __heap_base: u8;
}

impl RunMemory {
    /// All memory of the instance. A component has one allocator, so this is called once.
    #[expect(clippy::new_without_default, reason = "a default could be made twice, and both would hand out the same")]
    pub const fn new() -> Self {
        Self { free: Cell::new(&raw mut __heap_base), end: Cell::new(0) }
    }

    /// Moves the front so that a block from `start` has as many bytes; null if the host gives no more.
    fn take(&self, start: *mut u8, bytes: usize) -> *mut u8 {
        let Some(end) = start.addr().checked_add(bytes) else {
            return ptr::null_mut();
        };
        if end > self.end.get() && !self.reach(end) {
            return ptr::null_mut();
        }
        self.free.set(start.wrapping_add(bytes));
        start
    }

    /// Makes the memory end at `end` or later.
    #[cold]
    #[inline(never)]
    fn reach(&self, end: usize) -> bool {
        const PAGE_BYTES: usize = 65_536;
        let missing = end.div_ceil(PAGE_BYTES).saturating_sub(memory_size::<0>());
        let grown = missing == 0 || memory_grow::<0>(missing) != usize::MAX;
        self.end.set(memory_size::<0>() * PAGE_BYTES);
        grown
    }
}

// SAFETY: a guest has no threads.
unsafe impl Sync for RunMemory {}

// SAFETY: blocks are cut off front to back, inside the memory, and none is handed out twice.
unsafe impl GlobalAlloc for RunMemory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let before = layout.align() - 1;
        self.take(self.free.get().map_addr(|free| free.wrapping_add(before) & !before), layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the layout is the caller's.
        unsafe { self.alloc(layout) }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if bytes <= layout.size() {
            return block;
        }
        // A text that is being written is mostly the last block, and grows where it stands.
        if block.wrapping_add(layout.size()) == self.free.get() {
            return self.take(block, bytes);
        }
        // SAFETY: the old size was aligned, the new one is the caller's; the new block is another one,
        // and longer.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(bytes, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size());
            }
            moved
        }
    }
}
